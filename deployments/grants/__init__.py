"""Rights that an administrator gives: to logins of the warehouse and of sources, to roles and the bucket of the stage."""
