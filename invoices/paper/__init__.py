"""The invoice on paper: on the screen, as a PDF, as UBL, and as a bundle of evidence."""
