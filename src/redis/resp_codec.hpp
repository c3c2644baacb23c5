#pragma once

// Bytes to replies and words to bytes: the Redis protocol (RESP2) without a socket. Parsing is hiredis's reader; it builds
// our replies directly, so that each reply costs the copy of its text and no node of its own.

#include <tiercel/error.hpp>
#include <tiercel/units.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;
struct redisReadTask;

namespace tiercel::redis {

struct reply {
    enum class type : std::uint8_t { nil, integer, status, error, bulk, array };

    type kind = type::nil;
    std::int64_t integer = 0;        // of an integer
    std::string text;                // of status, error ("WRONGTYPE Operation …") and bulk; binary safe
    std::vector<reply> items;        // of an array; a nil array is nil

    bool is_nil() const noexcept { return kind == type::nil; }
    bool is_error() const noexcept { return kind == type::error; }
    bool is_bulk() const noexcept { return kind == type::bulk; }
    bool is_status(std::string_view s) const noexcept { return kind == type::status && text == s; }
    // The first word of an error, "WRONGTYPE"; empty for everything else.
    std::string_view error_code() const noexcept;

    friend bool operator==(const reply&, const reply&) = default;
};

// One command in its wire form: an array of bulk strings. Words may hold any bytes. REQUIRES: at least one word.
class command {
public:
    command(std::initializer_list<std::string_view> words) : command(std::span(words.begin(), words.size())) {}
    explicit command(std::span<const std::string_view> words);

    const std::string& bytes() const& noexcept { return bytes_; }
    std::string bytes() && noexcept { return std::move(bytes_); }

private:
    std::string bytes_;
};

// Cuts a byte stream into replies. After an error it stays in error: the stream has lost its framing for good.
class reply_parser {
public:
    // `max_reply` bounds what one reply may occupy on the wire. Arrays nest at most 7 deep (hiredis's limit).
    explicit reply_parser(byte_count max_reply);
    reply_parser(const reply_parser&) = delete;
    reply_parser& operator=(const reply_parser&) = delete;
    ~reply_parser();

    // Bytes as they came, cut anywhere. Cheapest in pieces of at most `best_piece`: hiredis closes the gap behind the replies
    // taken out by moving what is left of the piece.
    static constexpr std::size_t best_piece = 16 * 1024;
    void feed(std::string_view bytes);

    // The next complete reply; nothing when more bytes are needed; errc::redis_reply when this is not RESP2 or too big.
    result<std::optional<reply>> next();

    // What was wrong, for the log; empty before an error.
    std::string_view problem() const noexcept { return problem_; }

private:
    friend struct reply_builder;
    struct free_reader {
        void operator()(redisReader* r) const noexcept;
    };

    std::unique_ptr<redisReader, free_reader> reader_;
    reply root_;                     // under construction
    byte_count max_reply_;
    byte_count unfinished_ = 0;      // bytes fed that belong to replies not yet taken out
    std::string problem_;
};

}  // namespace tiercel::redis
