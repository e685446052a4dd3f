"""Reports: rows of a query or of Python, as a Markdown table or list, a picture, a workbook or a zipped csv."""
