"""Which arithmetic a network uses."""

from __future__ import annotations

from pathlib import Path

from tfiqa.errors import RecipeError

BFLOAT16_CPU_FLAGS = {
    "avx512_bf16",
    "amx_bf16",
    "bf16",
}  # x86 AVX-512 BF16, AMX, and Arm's, as /proc/cpuinfo names them
BFLOAT16_COMPUTE_CAPABILITY = (8, 0)  # NVIDIA Ampere


def resolve_precision(setting: str) -> str:
    """ "float32" or "bfloat16" for a setting. Raises RecipeError when bfloat16 is asked for and not there."""
    if setting == "float32":
        return "float32"
    if has_bfloat16():
        return "bfloat16"
    if setting == "auto":
        return "float32"
    raise RecipeError("this machine has no bfloat16 arithmetic; take precision float32 (or auto)")


def has_bfloat16() -> bool:
    """Whether the device that Keras uses computes in bfloat16."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() != "cpu":
            return True  # XLA supports it on every GPU and TPU that JAX still runs on
    else:
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        if devices:
            details = [tf.config.experimental.get_device_details(device) for device in devices]
            return all(d.get("compute_capability", (0, 0)) >= BFLOAT16_COMPUTE_CAPABILITY for d in details)
    return bool(_cpu_flags() & BFLOAT16_CPU_FLAGS)


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {
        flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split(":")[1].split()
    }
