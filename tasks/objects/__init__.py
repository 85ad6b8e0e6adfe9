"""Object stores, and the manifest that says exactly which objects a COPY loads."""
