-- name: insert_workspace
-- A new tenant.
INSERT INTO workspaces (name) VALUES (%(name)s::text) RETURNING id, seq, name, created_at

-- name: find_workspace
-- One tenant by id.
SELECT id, seq, name, created_at FROM workspaces WHERE id = %(workspace_id)s::uuid

-- name: delete_workspace
-- A tenant with everything in it.
DELETE FROM workspaces WHERE id = %(workspace_id)s::uuid

-- name: delete_workspaces_named
-- Leftovers of temporary tenants, by their exact name.
DELETE FROM workspaces WHERE name = %(name)s::text AND created_at < now() - %(older_than_s)s::int * interval '1 second'

-- name: insert_key
-- A hashed key for one door.
INSERT INTO api_keys (workspace_id, assistant_id, channel_id, kind, prefix, hash)
VALUES (%(workspace_id)s::uuid, %(assistant_id)s::uuid, %(channel_id)s::uuid, %(kind)s::text, %(prefix)s::text,
        %(hash)s::bytea)
RETURNING id, seq, workspace_id, assistant_id, channel_id, kind, prefix, created_at, last_used_at, revoked_at

-- name: find_key
-- A key that still opens, by the hash of its secret.
SELECT id, seq, workspace_id, assistant_id, channel_id, kind, prefix, created_at, last_used_at, revoked_at
FROM api_keys WHERE hash = %(hash)s::bytea AND kind = %(kind)s::text AND revoked_at IS NULL

-- name: touch_key
-- Notes the use of a key, at most once a minute.
UPDATE api_keys SET last_used_at = now()
WHERE id = %(key_id)s::uuid AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')

-- name: list_keys
-- All keys, of one workspace if given.
SELECT id, seq, workspace_id, assistant_id, channel_id, kind, prefix, created_at, last_used_at, revoked_at
FROM api_keys
WHERE (%(workspace_id)s::uuid IS NULL OR workspace_id = %(workspace_id)s::uuid)
ORDER BY seq

-- name: revoke_key
-- Closes a key for good.
UPDATE api_keys SET revoked_at = now() WHERE id = %(key_id)s::uuid AND revoked_at IS NULL
RETURNING id, seq, workspace_id, assistant_id, channel_id, kind, prefix, created_at, last_used_at, revoked_at
