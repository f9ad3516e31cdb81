"""A store that speaks S3: its objects, what its errors mean, and how DuckDB and pyarrow read it. Only AWS_… variables say where it is and who asks."""
