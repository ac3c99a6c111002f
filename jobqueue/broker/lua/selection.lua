--!include streams ages groups
-- Which jobs start next: by priority inside a group, in turns between the groups.

-- Up to `wanted` jobs of a group into `chosen`; answers how many.
local function choose_from(group, wanted, ahead, chosen)
  local left = wanted
  for i = 1, 4 do
    while left > 0 do
      local stream, lower = stream_of(group, LANES[i]), nil
      local own = peek(stream, ahead)
      if on.starvation and i < 4 then
        lower = stream_of(group, LANES[i + 1])
        if part.ages.overtakes(peek(lower, ahead), own) then stream, own = lower, true end
      end
      if not own then break end
      chosen[#chosen + 1] = take_next(stream)
      left = left - 1
    end
  end
  return wanted - left
end

local turns = {} -- groups that were looked at: {group, score, taken}

-- Up to `wanted` jobs of all groups in turn. Answers whether some groups were not looked at.
local function choose_in_turn(wanted, chosen)
  local ring = redis.call('ZRANGE', key('ring'), 0, wanted - 1, 'WITHSCORES')
  for i = 1, #ring, 2 do
    local room = part.groups.room(ring[i], wanted)
    turns[#turns + 1] = {group = ring[i], score = tonumber(ring[i + 1]), taken = 0, room = room}
  end
  local ahead = math.ceil(wanted / math.max(#turns, 1))
  local progress = true
  while progress and wanted > 0 do
    progress = false
    for _, turn in ipairs(turns) do
      local share = math.min(part.groups.limits_of(turn.group).weight, turn.room, wanted)
      if share > 0 then
        local taken = choose_from(turn.group, share, ahead, chosen)
        turn.taken, wanted = turn.taken + taken, wanted - taken
        turn.room = taken == share and turn.room - taken or 0
        progress = progress or taken > 0
      end
    end
  end
  return wanted > 0 and #turns > 0
end
