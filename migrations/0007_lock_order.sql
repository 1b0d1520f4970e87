-- Rows of chunks are locked first and in the order of their ids, as deleting them does: a document that was moved to
-- another category while it was synced or deleted could wait for that one, and that one for it.
-- depends: 0006_scores

CREATE OR REPLACE FUNCTION move_chunks(document_id uuid, category_id uuid) RETURNS void LANGUAGE sql AS $$
    SELECT FROM chunks WHERE chunks.document_id = $1 ORDER BY id FOR NO KEY UPDATE;
    UPDATE chunk_vectors SET category_id = $2
    FROM chunks WHERE chunks.document_id = $1 AND chunk_vectors.chunk_id = chunks.id
        AND chunk_vectors.category_id IS DISTINCT FROM $2;
    UPDATE chunk_terms SET category_id = $2
    FROM chunks WHERE chunks.document_id = $1 AND chunk_terms.chunk_id = chunks.id
        AND chunk_terms.category_id IS DISTINCT FROM $2;
    UPDATE chunks SET category_id = $2
    WHERE chunks.document_id = $1 AND chunks.category_id IS DISTINCT FROM $2;
$$;
