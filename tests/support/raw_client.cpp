#include "support/raw_client.hpp"

#include <algorithm>

namespace tiercel::test {
namespace {

bool ends_connection(const http_response& r)
{
    if (r.framed == framing::until_close || r.status == 101) { return true; }
    const auto connection = r.header("Connection");
    if (r.minor_version == 0) { return !connection || !equal_names(*connection, "keep-alive"); }
    return connection && equal_names(*connection, "close");
}

}  // namespace

raw_client::raw_client(std::uint16_t port, std::string address)
    : address_(std::move(address)), port_(port), host_(address_ + ":" + std::to_string(port))
{
}

raw_client::raw_client(std::filesystem::path unix_socket) : unix_socket_(std::move(unix_socket)), host_("localhost") {}

void raw_client::connect()
{
    const deadline until = after(timeout_);
    stream_ = byte_stream(unix_socket_.empty() ? connect_to(address_, port_, until) : connect_to(unix_socket_, until));
}

void raw_client::send(std::string_view bytes)
{
    if (!is_connected()) { connect(); }
    stream_.send(bytes, after(timeout_));
}

bool raw_client::try_send(std::string_view bytes)
{
    if (!is_connected()) { connect(); }
    return stream_.try_send(bytes, after(timeout_));
}

http_response raw_client::read_response(bool to_head)
{
    return test::read_response(stream_, to_head, after(timeout_));
}

bool raw_client::is_silent_for(std::chrono::milliseconds t)
{
    try {
        stream_.read_some(after(t));
        return false;   // bytes, or the end; neither is silence
    } catch (const timed_out&) {
        return true;
    } catch (const peer_closed&) {
        return false;
    }
}

http_response raw_client::get(std::string_view target, const header_list& fields)
{
    return request("GET", target, fields);
}

http_response raw_client::request(std::string_view method, std::string_view target, const header_list& fields,
                                  std::string_view body)
{
    header_list all = fields;
    if (std::none_of(all.begin(), all.end(), [](const auto& f) { return equal_names(f.first, "Host"); })) {
        all.insert(all.begin(), {"Host", host_});
    }
    // A kept connection may have been closed by the other side while idle; that is no failure of this request.
    if (is_connected() && stream_.is_closed_by_peer(after(std::chrono::milliseconds(0)))) { connect(); }
    send(request_text(method, target, all, body));
    http_response r = read_response(method == "HEAD");
    if (ends_connection(r) && r.status != 101) { close(); }
    return r;
}

std::string raw_client::exchange(std::string_view bytes)
{
    connect();
    try_send(bytes);
    std::string answer = read_to_end();
    close();
    return answer;
}

}  // namespace tiercel::test
