#include "origin/statistics.hpp"

#include <algorithm>
#include <cstdio>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace tiercel::sample_origin {
namespace {

// A JSON string; every byte outside printable ASCII as \u00XX, so that any request can be shown.
std::string quoted(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte >= 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", byte);
            out += escape;
        } else {
            out += c;
        }
    }
    return out + '"';
}

bool is_open(int fd)
{
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_state == TCP_ESTABLISHED;
}

}  // namespace

std::uint64_t statistics::on_request(const std::string& path, std::string_view head)
{
    const std::lock_guard lock(mutex_);
    ++requests_;
    heads_.emplace_back(head);
    if (heads_.size() > head_limit) { heads_.pop_front(); }
    auto at = paths_.find(path);
    if (at == paths_.end()) { at = paths_.try_emplace(paths_.size() < path_limit ? path : "…", 0).first; }
    return ++at->second;
}

void statistics::on_connection_used(int fd)
{
    const std::lock_guard lock(mutex_);
    ++accepted_;
    open_.insert(fd);
    if (open_.size() > most_) {
        // Whose end has arrived is open no more, even if its thread had no time to notice yet.
        most_ = std::max<std::uint64_t>(most_, static_cast<std::uint64_t>(std::count_if(open_.begin(), open_.end(), is_open)));
    }
}

void statistics::on_connection_gone(int fd)
{
    const std::lock_guard lock(mutex_);
    open_.erase(fd);
}

void statistics::forget()
{
    const std::lock_guard lock(mutex_);
    paths_.clear();
    heads_.clear();
    requests_ = 0;
    accepted_ = 0;
    most_ = open_.size();
}

std::string statistics::counts_json() const
{
    const std::lock_guard lock(mutex_);
    std::string paths;
    for (const auto& [path, count] : paths_) {
        paths += (paths.empty() ? "" : ",") + quoted(path) + ":" + std::to_string(count);
    }
    return "{\"requests\":" + std::to_string(requests_) + ",\"connections\":{\"accepted\":" + std::to_string(accepted_) +
           ",\"open\":" + std::to_string(open_.size()) + ",\"most\":" + std::to_string(most_) + "},\"paths\":{" + paths + "}}\n";
}

std::string statistics::heads_json() const
{
    const std::lock_guard lock(mutex_);
    std::string out = "[";
    for (const std::string& head : heads_) { out += (out.size() == 1 ? "" : ",\n") + quoted(head); }
    return out + "]\n";
}

}  // namespace tiercel::sample_origin
