"""The report: static pages for data owners, made from the records of runs. Pure: records in, pages out."""
