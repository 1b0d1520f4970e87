-- Scores of live answers, and the answers that they are measured against.
-- depends: 0005_embedding_models

ALTER TABLE exchanges ADD COLUMN reference_answer text;
COMMENT ON COLUMN exchanges.reference_answer IS 'what should have been said, attached by a person; scored against';

CREATE TABLE scores (
    exchange_id uuid NOT NULL REFERENCES exchanges ON DELETE CASCADE,
    metric text NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    value real NOT NULL CHECK (value BETWEEN 0 AND 1),
    judge text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange_id, metric)
);
COMMENT ON COLUMN scores.judge IS '"words", or the name of the language model that judged';
CREATE INDEX scores_by_workspace ON scores (workspace_id);

-- Scoring jobs are removed soon after they are done.
CREATE INDEX jobs_done ON jobs (kind, finished_at) WHERE state = 'done';
