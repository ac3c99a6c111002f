-- The layout of a queue's keys: a script that includes this ends here, and has changed nothing, where
-- it does not know that layout. What ends runs that have begun does not include it (settle, renew,
-- report, beat, leave), so that a worker under which the layout changes can finish what it has.
--
-- All that layout 1 has is valid in this one, or is still understood: its batches (see intake), and
-- the cancels that its programs note (see verdicts). So a queue of layout 1 stays one, and its programs
-- go on beside this one, until something is written that they would not understand.

-- Where a name is needed here only it is in a block of its own: a script has at most 200 locals.
do
  local KNOWN = {[LAYOUT] = true, ['1'] = true}
  if on.version and not KNOWN[on.version] then
    return redis.error_reply('SCHEMA queue ' .. queue .. ' has layout ' .. on.version
      .. ', this program writes ' .. LAYOUT .. ': run the same version everywhere')
  end
end

-- A worker of layout 1 that still serves this queue, nil where there is none: it claims without looking
-- at the layout, and would not heed what that is raised for. The others tell theirs with each beat.
local older_worker
do
  local SILENT_MS = 60000 -- a worker that has not beaten for so long is gone
  local found -- {worker}, or {} where there is none, once it was looked for

  local function find()
    local workers = redis.call('ZRANGE', key('workers'), now - SILENT_MS, '+inf', 'BYSCORE', 'LIMIT', 0, 500)
    for _, worker in ipairs(workers) do
      local beat = redis.call('GET', key('worker:' .. worker))
      if beat and not string.find(beat, '^%d+ {"layout":') then return worker end
    end
  end

  function older_worker()
    if not on.version or on.version == LAYOUT then return nil end
    found = found or {find()}
    return found[1]
  end
end

-- The refusal of what raises the layout, nil where nobody is in its way.
local function refuse_beside_older()
  local worker = older_worker()
  return worker and redis.error_reply('SCHEMA worker ' .. worker .. ' of queue ' .. queue
    .. ' is of an older version, which would not heed this: exchange it first')
end

-- From now on only programs of this layout may take the queue up.
local function raise_layout()
  if on.version == LAYOUT then return end
  redis.call('HSET', meta, 'version', LAYOUT)
  on.version = LAYOUT
end
