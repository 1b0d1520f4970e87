-- name: insert_document
-- A document as handed in; the sync reads and indexes it. A name that is taken gives no row.
INSERT INTO documents (workspace_id, knowledge_base_id, source_id, category_id, name, title, url, content, file_key,
                       file_bytes, content_hash)
VALUES (%(workspace_id)s::uuid, %(knowledge_base_id)s::uuid, %(source_id)s::uuid, %(category_id)s::uuid,
        %(name)s::text, %(title)s::text, %(url)s::text, %(content)s::text, %(file_key)s::text,
        %(file_bytes)s::bigint, %(content_hash)s::bytea)
ON CONFLICT (source_id, name) DO NOTHING
RETURNING id, seq, workspace_id, knowledge_base_id, source_id, category_id, name, title, url, media_type, file_key,
          file_bytes, content_hash, indexed_hash, state, error, last_sync_at, created_at

-- name: replace_content
-- New content for a document; what is indexed keeps answering until the next sync.
UPDATE documents
SET name = coalesce(%(name)s::text, name), content = coalesce(%(content)s::text, content),
    file_key = coalesce(%(file_key)s::text, file_key), file_bytes = coalesce(%(file_bytes)s::bigint, file_bytes),
    content_hash = coalesce(%(content_hash)s::bytea, content_hash), state = 'not_synced', error = NULL
WHERE id = %(document_id)s::uuid
RETURNING id, seq, workspace_id, knowledge_base_id, source_id, category_id, name, title, url, media_type, file_key,
          file_bytes, content_hash, indexed_hash, state, error, last_sync_at, created_at

-- name: find_document
-- One document of a source.
SELECT id, seq, workspace_id, knowledge_base_id, source_id, category_id, name, title, url, media_type, file_key,
       file_bytes, content_hash, indexed_hash, state, error, last_sync_at, created_at
FROM documents WHERE id = %(document_id)s::uuid AND source_id = %(source_id)s::uuid

-- name: find_document_named
-- The document of that name in a source.
SELECT id, seq, workspace_id, knowledge_base_id, source_id, category_id, name, title, url, media_type, file_key,
       file_bytes, content_hash, indexed_hash, state, error, last_sync_at, created_at
FROM documents WHERE source_id = %(source_id)s::uuid AND name = %(name)s::text

-- name: find_original
-- What a document was made of; a row, a text and a web page have no file that anybody handed in.
SELECT d.id, d.name, d.media_type, CASE WHEN s.kind = 'file' THEN d.file_key END AS file_key
FROM documents AS d JOIN sources AS s ON s.id = d.source_id WHERE d.id = %(document_id)s::uuid

-- name: find_names_taken
-- Which of these names a source has already, those of the named documents aside.
SELECT name FROM documents
WHERE source_id = %(source_id)s::uuid AND name = ANY(%(names)s::text[]) AND NOT id = ANY(%(document_ids)s::uuid[])
ORDER BY name

-- name: get_content
-- What was handed in.
SELECT content FROM documents WHERE id = %(document_id)s::uuid

-- name: get_text
-- What is indexed and cited.
SELECT text FROM documents WHERE id = %(document_id)s::uuid

-- name: list_documents
-- The documents of a source, oldest first, after the one that the page before ended with.
SELECT id, seq, workspace_id, knowledge_base_id, source_id, category_id, name, title, url, media_type, file_key,
       file_bytes, content_hash, indexed_hash, state, error, last_sync_at, created_at
FROM documents
WHERE source_id = %(source_id)s::uuid AND (%(after_seq)s::bigint IS NULL OR seq > %(after_seq)s::bigint)
ORDER BY seq LIMIT %(limit)s::int

-- name: count_documents
-- How many documents a source has.
SELECT count(*) FROM documents WHERE source_id = %(source_id)s::uuid

-- name: list_document_ids
-- The ids of all documents of a source.
SELECT id FROM documents WHERE source_id = %(source_id)s::uuid

-- name: list_document_names
-- Names and ids of all documents of a source.
SELECT name, id FROM documents WHERE source_id = %(source_id)s::uuid

-- name: mark_syncing
-- The documents of a source that the coming sync has to look at: changed ones and those that failed before.
UPDATE documents SET state = 'syncing'
WHERE source_id = %(source_id)s::uuid AND (state <> 'synced' OR content_hash IS DISTINCT FROM indexed_hash)
RETURNING id

-- name: mark_synced
-- The document's index is current with what `content_hash` was read from; a change made meanwhile keeps it not_synced.
UPDATE documents
SET state = CASE WHEN content_hash IS DISTINCT FROM %(content_hash)s::bytea THEN 'not_synced' ELSE 'synced' END,
    error = %(shortfall)s::text, title = %(title)s::text, media_type = %(media_type)s::text, text = %(text)s::text,
    pages = %(pages)s::jsonb, indexed_hash = %(content_hash)s::bytea, last_sync_at = now()
WHERE id = %(document_id)s::uuid

-- name: mark_failed
-- The document could not be read; what was indexed before keeps answering.
UPDATE documents SET state = 'sync_error', error = %(error)s::text
WHERE id = %(document_id)s::uuid AND content_hash IS NOT DISTINCT FROM %(content_hash)s::bytea

-- name: release_syncing
-- Documents that an interrupted sync left behind.
UPDATE documents SET state = CASE WHEN %(error)s::text IS NULL THEN 'not_synced' ELSE 'sync_error' END,
    error = %(error)s::text
WHERE source_id = %(source_id)s::uuid AND state = 'syncing'

-- name: delete_documents
-- Documents of a source; index rows were removed before, in the same transaction.
DELETE FROM documents WHERE source_id = %(source_id)s::uuid AND id = ANY(%(document_ids)s::uuid[])
RETURNING id

-- name: list_failed_documents
-- The documents of a source that could not be synced, with the reason.
SELECT name, coalesce(error, '') AS error FROM documents
WHERE source_id = ANY(%(source_ids)s::uuid[]) AND state = 'sync_error' ORDER BY seq

-- name: list_incomplete_documents
-- The synced documents of which something is missing, with the reason.
SELECT name, error FROM documents
WHERE source_id = ANY(%(source_ids)s::uuid[]) AND state = 'synced' AND error IS NOT NULL ORDER BY seq

-- name: count_stored_bytes
-- The text that a tenant has handed in or indexed; octet_length reads no toasted text.
SELECT coalesce(sum(greatest(octet_length(content), octet_length(text))), 0)::bigint FROM documents
WHERE workspace_id = %(workspace_id)s::uuid

-- name: list_file_keys
-- Where the stored files of a source, or of some of its documents, lie.
SELECT file_key FROM documents
WHERE source_id = %(source_id)s::uuid AND file_key IS NOT NULL
  AND (%(document_ids)s::uuid[] IS NULL OR id = ANY(%(document_ids)s::uuid[]))
