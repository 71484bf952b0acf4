"""Long work in processes of its own, told in files."""
