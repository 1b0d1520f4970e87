-- What is known of an embedding model: where it lies, what tells it from another of its name, its calibration.
-- depends: 0004_posting_lists

ALTER TABLE embedding_models
    ADD COLUMN location text,
    ADD COLUMN probe halfvec,
    ADD COLUMN calibration jsonb,
    ADD COLUMN served_at timestamptz;
COMMENT ON COLUMN embedding_models.location IS 'its folder or hub id, as the process saw it that registered it';
COMMENT ON COLUMN embedding_models.probe IS 'its vector of a fixed sentence: other weights under the same name are noticed';
COMMENT ON COLUMN embedding_models.calibration IS 'the rule of abstention, with the edition of the calibration that made it';
COMMENT ON COLUMN embedding_models.served_at IS 'since when it serves or last began to; without it and not serving, its vectors are unfinished';
UPDATE embedding_models SET served_at = created_at WHERE serving;

-- Chunks first: whoever adds vectors holds their chunks, so that the copies made after that are seen here.
CREATE OR REPLACE FUNCTION move_chunks(document_id uuid, category_id uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE chunks SET category_id = $2
    WHERE chunks.document_id = $1 AND chunks.category_id IS DISTINCT FROM $2;
    UPDATE chunk_vectors SET category_id = $2
    FROM chunks WHERE chunks.document_id = $1 AND chunk_vectors.chunk_id = chunks.id
        AND chunk_vectors.category_id IS DISTINCT FROM $2;
    UPDATE chunk_terms SET category_id = $2
    FROM chunks WHERE chunks.document_id = $1 AND chunk_terms.chunk_id = chunks.id
        AND chunk_terms.category_id IS DISTINCT FROM $2;
$$;
