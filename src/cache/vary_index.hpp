#pragma once

// What a resource varies on. A resource whose answers carry Vary is stored in two steps: under its primary key lies a
// descriptor, a small entry that lists which request fields select; each answer lies under the primary key plus the values of
// those fields. An origin may send different Vary fields for different requests, so a descriptor holds up to eight
// lists, the newest first; the newest that leads to an answer wins (RFC 9111 §4.1).
//
// Body of a descriptor: per list one frame, which holds one frame per field name. Names are lower-case, sorted, without
// repetition. Reading allocates nothing and stops at the first thing that is not a frame.

#include "cache/framing.hpp"

#include <tiercel/entry.hpp>

#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace tiercel {

// A forward range over frames; `Value` is made from the bytes of one frame.
template <class Value>
class frame_range {
public:
    class iterator {
    public:
        using value_type = Value;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;   // dereferencing yields a value, not a reference
        using iterator_concept = std::forward_iterator_tag;

        iterator() = default;
        explicit iterator(std::string_view rest) noexcept : rest_(rest) { advance(); }

        Value operator*() const noexcept { return Value(frame_); }
        iterator& operator++() noexcept
        {
            advance();
            return *this;
        }
        iterator operator++(int) noexcept
        {
            iterator before = *this;
            advance();
            return before;
        }
        friend bool operator==(const iterator& a, const iterator& b) noexcept
        {
            return a.at_end_ == b.at_end_ && (a.at_end_ || a.frame_.data() == b.frame_.data());
        }
        friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return i.at_end_; }

    private:
        void advance() noexcept { at_end_ = !take_frame(rest_, frame_); }

        std::string_view rest_;
        std::string_view frame_;
        bool at_end_ = true;
    };

    frame_range() = default;
    explicit frame_range(std::string_view bytes) noexcept : bytes_(bytes) {}

    iterator begin() const noexcept { return iterator(bytes_); }
    std::default_sentinel_t end() const noexcept { return {}; }
    bool empty() const noexcept { return begin() == end(); }
    std::string_view bytes() const noexcept { return bytes_; }

private:
    std::string_view bytes_;
};

// The names of one Vary field, and the lists of one resource, newest first.
using vary_list = frame_range<std::string_view>;
using vary_lists = frame_range<vary_list>;

inline constexpr std::size_t most_vary_lists = 8;

// Views into the entry. REQUIRES: e.is(entry_flag::vary_descriptor).
vary_lists vary_lists_of(const entry& e) noexcept;

// A descriptor that has `names` as its newest list and then those of `old` (null if there was none) as far as they fit. `base`
// gives key, hash, times, stamp and scopes; head, body and validators are ignored. The descriptor stays useful for as long
// as `base` and `old` are, since it leads to older answers, too.
entry_ptr make_vary_descriptor(entry_parts base, const entry* old, std::span<const std::string_view> names);

}  // namespace tiercel
