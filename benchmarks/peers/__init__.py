"""The same dispatch problem (``dispatch_case.py``) formulated once per road to HiGHS; one file each."""
