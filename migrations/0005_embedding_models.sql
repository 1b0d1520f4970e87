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

-- Whoever adds vectors holds their chunks. A move that waited for that finds the new vectors here, after its chunks.
CREATE FUNCTION follow_chunk_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE chunk_vectors SET category_id = NEW.category_id
    WHERE chunk_id = NEW.id AND category_id IS DISTINCT FROM NEW.category_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER chunks_category AFTER UPDATE OF category_id ON chunks
    FOR EACH ROW WHEN (OLD.category_id IS DISTINCT FROM NEW.category_id) EXECUTE FUNCTION follow_chunk_category();
