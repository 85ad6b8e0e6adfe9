"""The stage: the object store prefix a batch is written to, part by part, with a journal and a manifest."""
