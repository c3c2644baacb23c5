#pragma once

// A scripted origin inside the test program: the test says what each path answers, when, and what goes wrong, and then
// looks at what arrived. Real sockets, own threads.

#include "support/http_message.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tiercel::test {

// What goes wrong instead of, or within, a regular answer.
enum class origin_fault {
    none,
    close_without_answer,
    reset_without_answer,
    truncate,             // half of the body, then the end
    reset_in_body,        // half of the body, then RST
    hang_before_head,     // nothing, until the connection goes
    hang_in_body,         // half of the body, then nothing
    close_after_answer,   // without having said so
};

// An answer by hand: these bytes, and then perhaps the end of the connection.
struct origin_bytes {
    origin_bytes(std::string b, bool then_close = false) : bytes(std::move(b)), close(then_close) {}
    origin_bytes(const char* b) : bytes(b) {}

    std::string bytes;
    bool close = false;
};

// One path. The setters return the page, so that they chain; they may be called at any time, from any thread, and hold for
// requests that are answered afterwards.
class origin_page {
public:
    origin_page& status(int code);
    origin_page& header(std::string name, std::string value);   // one more line
    origin_page& without(std::string_view name);                // drops all lines of that name
    origin_page& cache_control(std::string value);              // replaces
    origin_page& etag(std::string value);                       // verbatim, with quotes; If-None-Match then gives 304
    origin_page& vary(std::string value);
    origin_page& body(std::string content);
    origin_page& chunked(bool on = true);                       // instead of Content-Length
    origin_page& fault(origin_fault f);
    // Everything by hand: the bytes to write, and nothing else. The connection stays unless a fault is set.
    origin_page& raw(std::string bytes);
    // Called for each request, its result is written as raw(); nullptr ends that.
    origin_page& answer(std::function<origin_bytes(const http_request&)> f);

    // How long the origin works on each answer, in real time.
    origin_page& takes(std::chrono::milliseconds t);
    // After hold(), requests arrive and are counted but not answered until release().
    origin_page& hold();
    origin_page& release();

    int requests() const;                                       // arrived so far
    std::vector<http_request> received() const;
    // Waits until so many have arrived in total.
    bool wait_for_requests(int n, std::chrono::milliseconds timeout = default_timeout) const;

private:
    friend class fake_origin;
    struct script {
        int status = 200;
        header_list fields;
        std::string body;
        bool chunked = false;
        origin_fault fault = origin_fault::none;
        std::string raw;
        std::function<origin_bytes(const http_request&)> answer;
        std::chrono::milliseconds takes{0};
    };
    template <class Change>
    origin_page& set(Change change);
    // Counts the request, waits while held; nothing when the connection is dropped meanwhile.
    std::optional<script> arrive(const http_request& r, const std::atomic<bool>& dropped);
    void wake();

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    script script_;
    std::vector<http_request> received_;
    bool held_ = false;
};

class fake_origin {
public:
    fake_origin();
    fake_origin(const fake_origin&) = delete;
    fake_origin& operator=(const fake_origin&) = delete;
    ~fake_origin();

    std::uint16_t port() const noexcept { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

    // The page of that target, query included; made on first use: 200, empty, no cache fields. What no page was made for is
    // answered 404. The reference stays valid as long as the origin.
    origin_page& page(const std::string& target);
    // From now on, what no page was made for.
    origin_page& others() { return page({}); }

    // Where the Date field comes from; an empty string leaves the field out. Default: the machine's clock.
    void set_date(std::function<std::string()> f);

    int requests() const;             // over all targets, unknown ones too
    int connections() const;          // accepted so far
    int open_connections() const;
    std::vector<http_request> received() const;   // in order of arrival

    void go_down();                   // refuses connections, ends the open ones
    void come_back();                 // on the same port
    void drop_connections();          // ends the open ones; new ones are welcome

private:
    struct connection {
        byte_stream stream;
        std::thread thread;
        std::atomic<bool> dropped = false;
        bool done = false;            // guarded by mutex_
    };
    void listen(std::uint16_t port);
    void accept_loop();
    void serve(connection& c);
    bool answer(connection& c, const http_request& r);
    std::string head_for(const origin_page::script& s, const http_request& r, bool& has_body);
    void abort(connection& c);
    void reap(bool all);

    mutable std::mutex mutex_;
    std::map<std::string, std::unique_ptr<origin_page>> pages_;
    std::list<std::unique_ptr<connection>> connections_;
    std::vector<http_request> received_;
    std::function<std::string()> date_;
    int accepted_ = 0;
    std::uint16_t port_ = 0;
    unique_fd listener_;
    unique_fd wake_;                  // eventfd that ends accept_loop
    std::thread acceptor_;
};

}  // namespace tiercel::test
