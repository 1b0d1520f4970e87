-- name: insert_knowledge_base
-- A new, empty knowledge base that one assistant may cite.
WITH base AS (
    INSERT INTO knowledge_bases (workspace_id, name) VALUES (%(workspace_id)s::uuid, %(name)s::text)
    RETURNING id, seq, workspace_id, name, created_at),
link AS (
    INSERT INTO assistant_knowledge_bases (assistant_id, knowledge_base_id, workspace_id)
    SELECT %(assistant_id)s::uuid, id, workspace_id FROM base)
SELECT id, seq, workspace_id, name, created_at FROM base

-- name: list_knowledge_bases
-- What an assistant may cite; the first is the one that its doors add to.
SELECT k.id, k.seq, k.workspace_id, k.name, k.created_at
FROM knowledge_bases AS k
JOIN assistant_knowledge_bases AS a ON a.knowledge_base_id = k.id
WHERE a.assistant_id = %(assistant_id)s::uuid ORDER BY k.seq

-- name: ensure_category
-- The category of that name, made when missing.
INSERT INTO categories (workspace_id, knowledge_base_id, name)
VALUES (%(workspace_id)s::uuid, %(knowledge_base_id)s::uuid, %(name)s::text)
ON CONFLICT (knowledge_base_id, name) DO UPDATE SET name = excluded.name
RETURNING id, seq, workspace_id, knowledge_base_id, name
