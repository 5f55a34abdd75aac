"""The report page: figures and tables from the plan alone, in one self-contained HTML file."""
