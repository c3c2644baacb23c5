#pragma once

// What the client gets: heads composed from stored, live or relayed answers, and the proxy's own errors.
// All functions append a complete head, empty line included, to `out`; content is sent by the caller.

#include "flow/flight.hpp"
#include "flow/request.hpp"
#include "http/range.hpp"

#include <tiercel/clock.hpp>
#include <tiercel/entry.hpp>

#include <string>
#include <vector>

namespace tiercel::flow {

// How the content of an answer is framed towards this client.
enum class client_framing : std::uint8_t { as_stored, length, chunked, close };

// A stored answer. `a` says how it came about (hit or result of a fetch) and ends up in Cache-Status; `origin_age` is the
// Age that came with a miss (a hit computes its own).
void compose_entry(std::string& out, const request& rq, const entry& e, const answered& a, std::string_view origin_age);

// 304 from a stored answer: only the fields that RFC 9110 §15.4.5 asks for.
void compose_not_modified(std::string& out, const request& rq, const entry& e, const answered& a);

// An answer whose content is still arriving. Returns how to frame the content.
client_framing compose_live(std::string& out, const request& rq, const live_answer& live, const answered& a,
                            std::string_view origin_age);

// A 206 made here (RFC 9110 §15.3.7).
struct partial_head {
    std::string_view fields;                 // a head as entries keep it: all its fields but those about its content are sent
    std::optional<content_range> range;      // nothing: a multipart with that boundary
    std::string boundary;
    byte_count length = 0;
    std::string age;                         // empty: none
    std::optional<std::int64_t> ttl;
};
void compose_partial(std::string& out, const request& rq, const partial_head& h, const answered& a);
// Age and lifetime as of that entry; as in compose_entry().
void set_times(partial_head& h, const request& rq, const entry& e, const answered& a, std::string_view origin_age);

// 416 from a stored answer: none of the bytes asked for are in it. Without content.
void compose_unsatisfiable(std::string& out, const request& rq, const entry& e, const answered& a);

// An answer passed through from the origin; dated by `time` if it has no Date. `lifetime`: of what is stored.
client_framing compose_relayed(std::string& out, const request& rq, const response_head& rs, const framing& content,
                               const answered& a, std::optional<seconds> lifetime, const clock& time);

// To OPTIONS that must go no further (RFC 9110 §7.6.2). Without content.
void compose_options(std::string& out, const request& rq, const answered& a, wall_time at);

// An interim answer on its way through (RFC 9110 §15.2).
void compose_interim(std::string& out, const request& rq, const response_head& rs);

// 101 (Switching Protocols), when that was asked for.
void compose_switch(std::string& out, const request& rq, const response_head& rs, const answered& a);

// An error of our own as problem+json (RFC 9457), content included (left out for HEAD). Sets nothing else.
void compose_problem(std::string& out, const request& rq, errc why, int status, seconds retry_after, const answered& a,
                     wall_time at);

// An answer of our own that is no error, content included.
void compose_own(std::string& out, const request& rq, int status, std::string_view type, std::string_view content, const answered& a,
                 wall_time at);

// Status line and fields of an origin's answer as they are stored and sent again: hop-by-hop and dropped fields removed,
// Date added when missing, Via appended; without framing, Age, and empty line. `strip_tags`: also without what only caches read.
std::string storable_head(const response_head& rs, const std::vector<std::string>& drop, bool strip_tags, wall_time received);

// The lines of an origin's answer with these names (lower case), as far as they go on to a client at all: what is dropped from
// storage still belongs to the client whose request was forwarded.
std::string lines_of(const response_head& rs, const std::vector<std::string>& names);

// Appends "Content-Length: n".
void append_length(std::string& head, byte_count n);

}  // namespace tiercel::flow
