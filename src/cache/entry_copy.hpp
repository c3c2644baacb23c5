#pragma once

// For entries that differ from another one in a few things.

#include <tiercel/entry.hpp>

namespace tiercel {

// All that `e` was made of. Views into it: for as long as it lives.
inline entry_parts parts_of(const entry& e)
{
    entry_parts parts;
    parts.key = e.key();
    parts.hash = e.hash();
    parts.times = e.times();
    parts.flags = e.flags();
    parts.stamp = e.stamp();
    parts.status = e.status();
    parts.scopes = e.scopes();
    parts.head = e.head();
    parts.etag = e.etag();
    parts.last_modified = e.last_modified();
    parts.date = e.date();
    parts.small_body = e.small_body();
    parts.content = e.content();
    return parts;
}

}  // namespace tiercel
