"""Models that come with tfiqa, in TF Serving's layout: NAME/VERSION/saved_model.pb. Installed as `tfiqa.saved_models`."""
