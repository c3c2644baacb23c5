#pragma once

// Which parts of a resource are stored (RFC 9111 §3.3). A part is an entry of its own: its key says which values of the selecting
// fields it is for and which Range it answered; what it holds, its Content-Range and its size say. The index is a small entry under the
// primary key plus a mark. It lists the parts of all variants, the newest first, and may name some that are gone: it is where to look, no
// more.
//
// Body of an index: per part one frame, which holds two: the framed values of selecting fields, and the Range value. Reading allocates
// nothing and stops at the first thing that is not a frame.

#include "cache/vary_index.hpp"

#include <tiercel/entry.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace tiercel {

inline constexpr std::size_t most_parts = 16;           // of one resource
inline constexpr std::size_t most_record_bytes = 1024;  // so that an index lies in its entry

class part_record {
public:
    part_record() = default;
    explicit part_record(std::string_view frame) noexcept;
    std::string_view selection() const noexcept { return selection_; }   // as append_secondary() writes it
    std::string_view asked() const noexcept { return asked_; }

private:
    std::string_view selection_;
    std::string_view asked_;
};
using part_records = frame_range<part_record>;

// Neither can be the key of an answer: the marks in them are no names of fields.
std::string part_index_key(std::string_view primary);
std::string part_key(std::string_view primary, std::string_view selection, std::string_view asked);

// Views into the entry. REQUIRES: it was made from append_part_record() bytes.
part_records part_records_of(const entry& index) noexcept;

// False, and nothing is appended, when the record would be too large.
bool append_part_record(std::string& out, std::string_view selection, std::string_view asked);

}  // namespace tiercel
