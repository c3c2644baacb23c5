#pragma once

// What a resource varies on. A resource whose answers carry Vary is stored in two steps: under its primary key lies a
// descriptor, a small entry that lists which request fields select; each answer lies under the primary key, the descriptor's
// generation, and the values of those fields. An origin may send different Vary fields for different requests, so a descriptor
// holds up to eight lists, the newest first; among the answers that they lead to, the one with the latest Date is used
// (RFC 9111 §4.1).
//
// The generation is a random number. A resource that was invalidated gets a new descriptor, with another generation, and
// whatever lies under the old one is out of reach for everybody, in this process and in every tier: nobody has to know or
// to delete it.
//
// A descriptor also notes which answers there are and how long each may be of use, so that they can be counted: what varies
// without end must not fill the store.
//
// Body of a descriptor, three frames: the generation (8 bytes, little endian); the lists, one frame each, which holds one frame
// per field name, lower-case, sorted, without repetition; the notes, 12 bytes each: 64 bits of the key's hash and the seconds
// from the descriptor's own reception to the answer's end. Reading allocates nothing and takes what is not well-formed for the
// end.

#include "cache/framing.hpp"

#include <tiercel/entry.hpp>

#include <cstddef>
#include <cstdint>
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

// A stored answer of a resource that varies.
struct variant_note {
    std::uint64_t id = 0;      // variant_id() of its key
    instant until{};           // from here on it can serve nobody
};
std::uint64_t variant_id(std::string_view key) noexcept;   // the same in every process

inline constexpr std::size_t most_vary_lists = 8;
inline constexpr std::size_t most_variants = 64;

// All of them REQUIRE e.is(entry_flag::vary_descriptor). Views into the entry.
vary_lists vary_lists_of(const entry& e) noexcept;
std::uint64_t generation_of(const entry& e) noexcept;
std::size_t count_variants(const entry& e, instant now) noexcept;   // that are not over
bool has_variant(const entry& e, std::uint64_t id, instant now) noexcept;

// A descriptor that has `names` as its newest list and then those of `old` (null if there was none) as far as they fit, and
// `noted` beside the notes of `old` that were not over when `base` was received. `base` gives key, hash, times, stamp and scopes;
// head, body and validators are ignored. The descriptor stays useful for as long as `base` and `old` are, since it leads to
// older answers, too. REQUIRES: `old` has that generation.
entry_ptr make_vary_descriptor(entry_parts base, std::uint64_t generation, const entry* old,
                               std::span<const std::string_view> names, variant_note noted);

// All that either knows, the lists of `first` first. REQUIRES: both are descriptors of one key and generation.
entry_ptr united_descriptor(const entry& first, const entry& second);

}  // namespace tiercel
