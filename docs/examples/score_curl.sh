#!/usr/bin/env bash
# Scores one picture over REST with curl and base64, nothing else.
#
#     score_curl.sh http://localhost:8501 MODEL PICTURE
#
# The answer is {"predictions": [{"quality": 71.3, ..., "error": ""}]}. A picture that the model cannot read has NaN numbers and the
# reason in "error". Unlike --data 'TEXT', --data-binary @- takes pictures of any size: they go through the pipe.
set -euo pipefail
server=$1 model=$2 picture=$3
{
  printf '{"instances": [{"b64": "'
  base64 <"$picture" | tr -d '\n'
  printf '"}]}'
} | curl --silent --show-error --fail-with-body --max-time 60 \
  --data-binary @- "$server/v1/models/$model:predict"
