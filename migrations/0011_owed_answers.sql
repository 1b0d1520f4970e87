-- Answers that are owed: to questions that were posted, with nobody waiting at the other end of a connection.
-- depends: 0010_attachments

CREATE TABLE owed_answers (
    exchange_id uuid PRIMARY KEY REFERENCES exchanges ON DELETE CASCADE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    attempts integer NOT NULL DEFAULT 1,
    lease_until timestamptz NOT NULL
);
COMMENT ON TABLE owed_answers IS 'a server works on it until lease_until; then whoever comes first takes it up';
CREATE INDEX owed_answers_by_lease ON owed_answers (lease_until);
CREATE INDEX owed_answers_by_workspace ON owed_answers (workspace_id);
