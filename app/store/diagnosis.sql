-- name: list_models
-- The embedding models; the one that serves first.
SELECT name, location, serving, served_at IS NOT NULL AS served
FROM embedding_models
ORDER BY serving DESC, id

-- name: read_versions
-- PostgreSQL's version, pgvector's (installed, else what could be), and the size of the database.
SELECT current_setting('server_version') AS server_version,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_version,
       (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS vector_available,
       pg_database_size(current_database()) AS size_bytes
