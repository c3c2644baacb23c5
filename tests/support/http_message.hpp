#pragma once

// HTTP/1 messages as tests see them, read by the letter of RFC 9112: what a lenient client would forgive is an exception
// here, because a proxy that writes it is wrong.

#include "support/net.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::test {

struct protocol_error : std::runtime_error {
    using runtime_error::runtime_error;
};

using header_list = std::vector<std::pair<std::string, std::string>>;

bool equal_names(std::string_view a, std::string_view b) noexcept;   // ASCII, any case

// Fields in wire order; names compare in any case.
struct http_fields {
    header_list fields;

    std::optional<std::string> header(std::string_view name) const;   // the first line of that name
    std::vector<std::string> headers(std::string_view name) const;    // all of them, in order
    std::size_t count(std::string_view name) const;
    bool has(std::string_view name) const { return count(name) != 0; }
};

struct http_request : http_fields {
    std::string method;
    std::string target;
    int minor_version = 1;
    std::string body;
    std::string raw_head;   // as received, with the empty line
};

enum class framing { none, length, chunked, until_close };

struct http_response : http_fields {
    int status = 0;
    std::string reason;
    int minor_version = 1;
    std::string body;
    header_list trailers;
    framing framed = framing::none;
    std::string raw_head;
    std::vector<http_response> interim;   // 1xx answers that came before
};

// Read one message from the stream. Throw protocol_error for anything malformed, peer_closed when it ends early.
http_request read_request(byte_stream& in, deadline until);
// Only the head; for those who answer before the body is there.
http_request read_request_head(byte_stream& in, deadline until);
void read_request_body(byte_stream& in, http_request& request, deadline until);
// `to_head`: the request was HEAD, so no body follows whatever the head says.
http_response read_response(byte_stream& in, bool to_head, deadline until);

// "METHOD target HTTP/1.1" with the fields and, if there is a body, its Content-Length.
std::string request_text(std::string_view method, std::string_view target, const header_list& fields,
                         std::string_view body = {});

}  // namespace tiercel::test
