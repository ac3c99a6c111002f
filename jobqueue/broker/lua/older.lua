--!include version
--!module worker refuse_beside
-- Workers of layout 1 that still serve a queue: they claim without looking at the layout, and would not
-- heed what it is raised for. The others tell theirs with each beat.

local SILENT_MS = 60000 -- a worker that has not beaten for so long is gone
local found -- {worker}, or {} where there is none, once it was looked for

local function find()
  local workers = redis.call('ZRANGE', key('workers'), now - SILENT_MS, '+inf', 'BYSCORE', 'LIMIT', 0, 500)
  for _, worker in ipairs(workers) do
    local beat = redis.call('GET', key('worker:' .. worker))
    if beat and not string.find(beat, '^%d+ {"layout":') then return worker end
  end
end

-- One of them, nil where there is none.
local function worker()
  if not on.version or on.version == LAYOUT then return nil end
  found = found or {find()}
  return found[1]
end

-- The refusal of what raises the layout, nil where nobody is in its way.
local function refuse_beside()
  local name = worker()
  return name and redis.error_reply('SCHEMA worker ' .. name .. ' of queue ' .. queue
    .. ' is of an older version, which would not heed this: exchange it first')
end
