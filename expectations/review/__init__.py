"""The weekly figures of a data lead: how often runs fail, whether promises were kept, what it cost. Pure, over ops facts."""
