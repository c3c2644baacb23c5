#pragma once

// Reading answers as they arrive, and what a load run wants to know about each.

#include "http/chunked.hpp"
#include "http/framing.hpp"
#include "http/head_parser.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel::load {

// Who answered, by the last member of Cache-Status.
enum class source : std::uint8_t {
    l1,       // hit; detail=l1
    l2,       // hit; detail=l2
    stale,    // from the store, out of date: swr, sie
    store,    // another hit
    shared,   // collapsed: waited for the fetch of another request
    origin,   // fwd: the origin was asked
    proxy,    // made by the proxy itself, the origin gave nothing
    unknown,  // no such field
    nobody,   // no answer: refused, broken off, or too late
};
inline constexpr std::size_t source_count = 9;
std::string_view name_of(source s) noexcept;
std::array<source, source_count> all_sources() noexcept;

source source_of(std::string_view cache_status, int status) noexcept;

// Thread: one connection's. One answer at a time: the client does not pipeline.
class answer_reader {
public:
    enum class state : std::uint8_t { more, done, broken };

    // Before each answer. `keep`: head() and body() are wanted.
    void begin(method asked, bool keep);
    // Bytes that arrived. Bytes behind the end of the answer are a breach.
    state feed(std::string_view bytes);
    // The peer closed.
    state on_end();

    // ---- of the answer, once its head is there ----
    int status() const noexcept { return status_; }
    source by() const noexcept { return by_; }
    bool closes() const noexcept { return framing_.close_after; }
    std::uint64_t body_size() const noexcept { return body_size_; }
    const std::string& head() const noexcept { return kept_head_; }
    const std::string& body() const noexcept { return kept_body_; }

private:
    state feed_head(std::string_view bytes);
    state feed_body(std::string_view bytes);
    state feed_chunks(std::string_view bytes);
    bool take_head(std::string_view bytes);
    void take_content(std::string_view bytes);

    response_head_parser parser_{head_limits{.header_bytes = 256 * 1024, .header_count = 1000}};
    std::string pending_;        // of a head that came in pieces
    bool in_body_ = false;
    method asked_ = method::get;
    bool keep_ = false;
    int status_ = 0;
    source by_ = source::unknown;
    framing framing_;
    chunk_decoder chunks_;
    std::uint64_t body_size_ = 0;
    std::string kept_head_;
    std::string kept_body_;
};

}  // namespace tiercel::load
