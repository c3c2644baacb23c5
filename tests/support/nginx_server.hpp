#pragma once

#include "support/process.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace tiercel::test {

struct nginx_options {
    std::string server_directives{};     // inside server { }, after our location
    std::string location_directives{};   // inside location / { }: "expires 1h;"
};

// A private nginx that serves a document tree: a real origin, with ETag, Last-Modified, ranges and 304. Needs no root,
// one process, gone with the object.
class nginx_server {
public:
    static bool available();   // is the program installed?

    explicit nginx_server(nginx_options o = {});

    std::uint16_t port() const noexcept { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    // Puts a file into the document tree, e.g. "a/b.html".
    void write(const std::string& name, std::string_view content) const;

    void kill() { process_->kill(); }
    void restart();

private:
    void start();

    temp_dir directory_;
    std::uint16_t port_ = 0;
    std::unique_ptr<process> process_;
};

}  // namespace tiercel::test
