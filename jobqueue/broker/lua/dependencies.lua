--!include outbox finishing unique moves
--!module edges_to write_edges end_blocked child_of tell tell_from_afar watch_from_afar release result_of full_id
-- Jobs that wait for others. A blocked child has `<id>:waits` (parent -> policy) and gets what its
-- parents made in `<id>:inputs` (parent -> state and result); an open parent has `<id>:dependents`.
-- A job of another queue is written with its full id, and hears by way of the outbox. A parent that
-- was moved keeps the name that it had when its child was written: who watches it from afar says so,
-- and `<id>:dependents` has the child's full id, a space, and that name.

local CHILD = {'state', 'lane', 'x', 'run_at', 'expires_at', 'dependents'}
local FAILED_PARENT = '{"code":"parent_failed","message":"a job that it depends on is %s: %s"}'

local function is_local(id) return #id == 26 end

local function full_id(id) return is_local(id) and queue .. '-' .. id or id end

local function result_of(id, job)
  return job.result or redis.call('GET', prefix .. id .. ':result') or ''
end

-- What a failed parent means: 'dead' or 'cancelled' for the child, 'go' for at once, nil for nothing.
local function consequence(state, policy)
  if state == 'completed' or policy == 'ignore' then return nil end
  return policy == 'continue' and 'go' or policy == 'cancel' and 'cancelled' or 'dead'
end

-- Ends a job that has not started.
local function end_blocked(job, state, parent, parent_state)
  redis.call('ZREM', key('blocked'), job.id)
  redis.call('HSET', status_key(job.id), 'state', state, 'finished_at', now, 'reason', 'parent_failed')
  redis.call('SET', prefix .. job.id .. ':error',
    string.format(FAILED_PARENT, parent_state, full_id(parent)))
  part.finishing.finish(job, state)
  event(job.id, state)
end

-- Whether a parent is in another queue by now; notes where it went, and by which move.
local function has_moved(edge)
  if not on.moves or first_letter(edge[1]) ~= '' then return false end
  edge.move, edge.moved_to = part.moves.latest(edge[1])
  return edge.moved_to ~= nil
end

-- How a job stands to the parents {{id, policy}, ...}: reads only. `new` has jobs of this call.
-- Answers {pending, inputs, outcome, parent, missing}.
local function edges_to(parents, new)
  local edges = {pending = {}, inputs = {}}
  for _, edge in ipairs(parents) do
    local id, policy = edge[1], edge[2]
    local parent = new[id]
    if not parent and is_local(id) and not has_moved(edge) then
      parent = job_of(id, {'state', 'result'})
      if first_letter(id) == '' then
        edges.missing = id
        parent.state = 'gone'
      end
    end
    if not parent or (parent.state ~= 'gone' and not FINAL[parent.state]) then
      edges.pending[#edges.pending + 1] = edge
    else
      local outcome = consequence(parent.state, policy)
      edges.inputs[#edges.inputs + 1] = {id, parent.state .. ' ' .. result_of(id, parent)}
      if outcome and edges.outcome ~= 'dead' then
        edges.outcome, edges.parent, edges.parent_state = outcome, id, parent.state
      end
    end
  end
  if edges.outcome then edges.pending = {} end -- it waits for nobody any more
  return edges
end

-- Has the job `to` of another queue tell `peer` of its end, under the name that `peer` has for it.
-- It is there, or was, once it has arrived by its move `number`.
local function watch_from_afar(to, peer, name, number)
  send(to, {op = 'watch', peer = peer, name = name, number = number})
end

-- Writes the edges of a job that was found by `edges_to`.
local function write_edges(id, edges)
  for _, input in ipairs(edges.inputs) do
    redis.call('HSET', prefix .. id .. ':inputs', input[1], input[2])
  end
  for _, edge in ipairs(edges.pending) do
    local parent = edge[1]
    redis.call('HSET', prefix .. id .. ':waits', parent, edge[2])
    if edge.moved_to then
      watch_from_afar(edge.moved_to, full_id(id), parent, edge.move)
    elseif is_local(parent) then
      redis.call('RPUSH', prefix .. parent .. ':dependents', id)
      redis.call('HSET', status_key(parent), 'dependents', 1)
      part.finishing.awaited[parent] = true
      if part.finishing.ended[parent] then -- since `edges_to` looked
        redis.call('LPUSH', key('releasing'), parent)
        turn_on('releasing')
      end
    else
      send(parent, {op = 'watch', peer = full_id(id)})
    end
  end
end

local function child_of(id)
  local job = job_of(id, CHILD)
  job.letter = first_letter(id)
  job.left = redis.call('HLEN', prefix .. id .. ':waits')
  job.follows = job.x.u and part.unique.holders_of(job).second == id
  return job
end

-- Tells a blocked child how a parent ended; a second time changes nothing.
local function tell(child, parent, policy, state, result)
  if not policy or child.state ~= 'blocked' then return end
  local waits = prefix .. child.id .. ':waits'
  if redis.call('HDEL', waits, parent) == 0 then return end -- it is listed twice with its parent
  redis.call('HSET', prefix .. child.id .. ':inputs', parent, state .. ' ' .. result)
  child.left = child.left - 1
  local outcome = consequence(state, policy)
  if outcome == 'go' then
    redis.call('DEL', waits)
    child.left = 0
  elseif outcome then
    child.state = outcome
    redis.call('DEL', waits)
    end_blocked(child, outcome, parent, state)
    return
  end
  if child.left == 0 and not child.follows then
    child.state = 'queued'
    part.finishing.unblock(child)
  end
end

-- Sends a job of another queue, as it is listed with its parent, how that has ended.
local function tell_from_afar(listed, parent, state, result)
  local peer, name = string.match(listed, '^(%S+) ?(%S*)$')
  send(peer, {op = 'tell', peer = name ~= '' and name or full_id(parent), state = state,
    result = result})
end

-- The next dependents to be told, at most `limit`: reads only.
local function dependents_to_tell(limit)
  local found, children = {}, {}
  for _, parent in ipairs(redis.call('LRANGE', key('releasing'), -20, -1)) do
    table.insert(found, 1, {id = parent, edges = {}})
  end
  for i, parent in ipairs(found) do
    local list = prefix .. parent.id .. ':dependents'
    local job = job_of(parent.id, {'state', 'result'})
    parent.state = first_letter(parent.id) == '' and 'gone' or job.state
    parent.open = parent.state ~= 'gone' and not FINAL[parent.state] -- it was replayed meanwhile
    parent.result = result_of(parent.id, job)
    local ids = limit > 0 and not parent.open and redis.call('LRANGE', list, 0, limit - 1) or {}
    parent.all = parent.open or limit > 0 and #ids == redis.call('LLEN', list)
    limit = limit - #ids
    for _, id in ipairs(ids) do
      if is_local(id) then children[id] = children[id] or child_of(id) end
      parent.edges[#parent.edges + 1] = {id, children[id],
        is_local(id) and redis.call('HGET', prefix .. id .. ':waits', parent.id)}
    end
    if not parent.all then
      return {unpack(found, 1, i)}
    end
  end
  return found
end

-- Tells up to `limit` dependents of jobs that have ended. Answers whether any are left.
local function release(limit)
  for _, parent in ipairs(dependents_to_tell(limit)) do
    for _, edge in ipairs(parent.edges) do
      local id, child, policy = edge[1], edge[2], edge[3]
      if child then
        tell(child, parent.id, policy, parent.state, parent.result)
      else
        tell_from_afar(id, parent.id, parent.state, parent.result)
      end
    end
    redis.call('LTRIM', prefix .. parent.id .. ':dependents', #parent.edges, -1)
    if parent.all then redis.call('RPOP', key('releasing')) end
    if parent.all and not parent.open then
      redis.call('HDEL', status_key(parent.id), 'dependents')
    end
  end
  local left = redis.call('EXISTS', key('releasing')) == 1
  if not left then turn_off('releasing') end
  return left
end
