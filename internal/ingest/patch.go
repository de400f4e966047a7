package ingest

// MergePatch applies a JSON Merge Patch (RFC 7396) to a target. The bytes of what
// the patch does not touch stay as they are, white space, the order of members and
// the spelling of numbers included; a member that is removed takes the comma and
// the white space before it along; new members come last, in the patch's order.
// Both must be JSON as [CheckRecord] asks, of any kind, within the default limits
// of depth and size; the error is a [dataset.Error].
func MergePatch(target, patch []byte) ([]byte, error) {
	l := DefaultLimits()
	target, err := checkedValue(target, "the record to be patched", l)
	if err != nil {
		return nil, err
	}
	patch, err = checkedValue(patch, "the patch", l)
	if err != nil {
		return nil, err
	}
	return merge(make([]byte, 0, len(target)+len(patch)), target, patch), nil
}

func checkedValue(text []byte, what string, l Limits) ([]byte, error) {
	start, body := trim(text)
	f := checkText(body, l)
	if f != nil {
		f.offset += start
		return nil, f.asError(text, what+" cannot be read", "send one JSON value in UTF-8")
	}
	return body, nil
}

// merge appends to dst what patch makes of target; nil stands for no target.
// Depth was checked, so it may call itself.
func merge(dst, target, patch []byte) []byte {
	if patch[0] != '{' {
		return append(dst, patch...)
	}
	if len(target) == 0 || target[0] != '{' {
		target = []byte("{}")
	}
	var old, changes scanner
	old.scan(target)
	changes.scan(patch)
	byName := make(map[string]int, len(changes.members))
	for i, m := range changes.members {
		byName[string(unquote(patch[m.key:m.keyEnd], nil))] = i
	}
	used := make([]bool, len(changes.members))
	dst = append(dst, '{')
	kept := false
	end := 1 // of the last member of the target, and the comma's place
	for _, m := range old.members {
		gap := target[end:m.key] // white space and, but for the first, the comma
		end = m.valueEnd
		i, touched := byName[string(unquote(target[m.key:m.keyEnd], nil))]
		if touched {
			used[i] = true
			if change := changes.members[i]; patch[change.value] == 'n' {
				continue
			}
		}
		if !kept {
			// The first one that stays takes the place of the first one there was.
			gap = target[1:old.members[0].key]
			kept = true
		}
		dst = append(dst, gap...)
		dst = append(dst, target[m.key:m.value]...)
		value := target[m.value:m.valueEnd]
		if !touched {
			dst = append(dst, value...)
			continue
		}
		change := changes.members[i]
		dst = merge(dst, value, patch[change.value:change.valueEnd])
	}
	// New members are set apart as the old ones are.
	gap := []byte{','}
	switch len(old.members) {
	case 0:
	case 1:
		gap = append(gap, target[1:old.members[0].key]...)
	default:
		gap = target[old.members[0].valueEnd:old.members[1].key]
	}
	for i, m := range changes.members {
		if used[i] || patch[m.value] == 'n' {
			continue
		}
		switch {
		case kept:
			dst = append(dst, gap...)
		case len(old.members) > 0:
			dst = append(dst, target[1:old.members[0].key]...)
		}
		kept = true
		dst = append(dst, patch[m.key:m.value]...)
		dst = merge(dst, nil, patch[m.value:m.valueEnd])
	}
	return append(dst, target[end:]...)
}
