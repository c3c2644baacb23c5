#pragma once

#include "support/process.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace tiercel::test {

// A private Apache httpd that serves a document tree: ETag, Last-Modified, ranges, 304, and gzip for HTML. Every answer says
// max-age=60. One process, gone with the object.
class apache_server {
public:
    static bool available();   // is the program installed?

    apache_server();

    std::uint16_t port() const noexcept { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    // Puts a file into the document tree, e.g. "a/b.html". It looks a day old: for what has just changed there are no strong
    // entity tags.
    void write(const std::string& name, std::string_view content) const;

private:
    temp_dir directory_;
    std::uint16_t port_ = 0;
    std::unique_ptr<process> process_;
};

}  // namespace tiercel::test
