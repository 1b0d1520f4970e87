-- What an attachment's reading found on which page, its place in its message, and what an upload turned out to be.
-- depends: 0008_inbox

ALTER TABLE attachments
    ADD COLUMN pages jsonb,
    ADD COLUMN place integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN attachments.pages IS 'where each page lies in the text';
COMMENT ON COLUMN attachments.place IS 'its place among the attachments of its message';

ALTER TABLE uploads ADD COLUMN kind text;
COMMENT ON COLUMN uploads.kind IS 'what the file is by its content; null until it came';
