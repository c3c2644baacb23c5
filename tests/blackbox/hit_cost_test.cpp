// What a hit from memory costs the process, counted from outside: two system calls, and not one allocation (but for ranges and
// variants). With the access log written to a file and the metrics counting, as it runs in earnest.

#include "blackbox/setting.hpp"
#include "support/raw_client.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <fstream>
#include <map>
#include <sstream>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

std::string yaml_for(const origin_process& origin, const temp_dir& dir)
{
    setting s{.origin_url = origin.url()};
    s.log = "{level: warn, access: {file: " + (dir.path() / "access.log").native() + "}}";
    return s.yaml();
}

struct kind_of_hit {
    const char* name;
    const char* target;
    header_list fields;
    const char* method = "GET";
    int status = 200;
    std::uint64_t allocations = 0;   // at most, for each
};

const std::vector<kind_of_hit>& kinds()
{
    static const std::vector<kind_of_hit> table = {
        {"1 KiB", "/page/a?ttl=3600&size=1024", {}},
        {"nothing", "/page/b?ttl=3600&size=0", {}},
        {"16 KiB", "/page/c?ttl=3600&size=16384", {}},
        {"128 KiB", "/page/k?ttl=3600&size=131072", {}},
        {"as a browser asks", "/page/d?ttl=3600&size=1024",
         {{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
          {"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
          {"Accept-Language", "de,en-US;q=0.7,en;q=0.3"},
          {"Accept-Encoding", "gzip, deflate, br"},
          {"Cookie", "a=b; session=0123456789abcdef0123456789abcdef"},
          {"Cache-Control", "max-age=0"},
          {"Sec-Fetch-Mode", "navigate"}}},
        {"head", "/page/e?ttl=3600&size=1024", {}, "HEAD"},
        {"not modified", "/page/f?ttl=3600&size=1024&etag=v1", {{"If-None-Match", "\"v1\""}}, "GET", 304},
        {"query in another order", "/page/g?ttl=3600&b=2&a=1", {}},
        {"escapes", "/page/%68%c3%a9?ttl=3600", {}},
        {"a range", "/page/r?ttl=3600&size=1024&etag=v1", {{"Range", "bytes=10-99"}}, "GET", 206, 4},
        {"a variant", "/page/i?ttl=3600&vary=Accept-Language", {{"Accept-Language", "de"}}, "GET", 200, 2},
        {"an error that is remembered", "/page/j?ttl=3600&status=404", {}, "GET", 404},
    };
    return table;
}

// Asks for what is stored, again and again over one connection.
class asker {
public:
    asker(std::uint16_t port, const kind_of_hit& k) : stream_(connect_to("127.0.0.1", port))
    {
        header_list fields = k.fields;
        fields.insert(fields.begin(), {"Host", "shop"});
        header_list unconditional = fields;
        std::erase_if(unconditional, [](const auto& f) { return f.first == "If-None-Match" || f.first == "Range"; });
        stream_.send(request_text("GET", k.target, unconditional));   // fills the cache
        read_response(stream_, false, after(default_timeout));
        request_ = request_text(k.method, k.target, fields);
        is_head_ = std::string_view(k.method) == "HEAD";
        for (int i = 0; i < 2; ++i) {
            stream_.send(request_);
            const http_response r = read_response(stream_, is_head_, after(default_timeout));
            EXPECT_EQ(r.status, k.status);
            EXPECT_TRUE(cache_status_of(r).hit) << cache_status_of(r).text();
        }
    }
    void ask(int times)
    {
        for (int i = 0; i < times; ++i) {
            stream_.send(request_);
            read_response(stream_, is_head_, after(default_timeout));
        }
    }

private:
    byte_stream stream_;
    std::string request_;
    bool is_head_ = false;
};

// ---- allocations -------------------------------------------------------------------------------------------------------

// Shared with the program that counts.
class allocation_counter {
public:
    explicit allocation_counter(const temp_dir& dir) : file_(dir.write("allocations", std::string(4096, '\0')))
    {
        const unique_fd fd(::open(file_.c_str(), O_RDWR | O_CLOEXEC));
        at_ = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd.get(), 0);
        if (at_ == MAP_FAILED) { throw std::system_error(errno, std::generic_category(), "mmap"); }
    }
    ~allocation_counter() { ::munmap(at_, 4096); }
    allocation_counter(const allocation_counter&) = delete;
    allocation_counter& operator=(const allocation_counter&) = delete;

    std::uint64_t value() const { return *static_cast<const volatile std::uint64_t*>(at_); }
    std::vector<std::pair<std::string, std::string>> environment() const
    {
        return {{"LD_PRELOAD", TIERCEL_COUNTING_MALLOC}, {"TIERCEL_COUNT_ALLOCATIONS", file_.native()}};
    }

private:
    std::filesystem::path file_;
    void* at_ = nullptr;
};

TEST(HitCost, IsNoAllocation)
{
    const origin_process origin;
    const temp_dir dir;
    const allocation_counter counter(dir);
    const proxy p(proxy_options{.configuration = yaml_for(origin, dir), .environment = counter.environment()});
    const std::uint64_t at_start = counter.value();
    ASSERT_GT(at_start, 100u) << "nothing is counted";
    p.get("/page/miss");
    EXPECT_GT(counter.value(), at_start) << "nothing is counted";
    for (const kind_of_hit& k : kinds()) {
        SCOPED_TRACE(k.name);
        asker one(p.port(), k);
        one.ask(50);   // buffers reach their size
        const std::uint64_t before = counter.value();
        one.ask(1000);
        // Once a second the process looks after itself; that is not a hit's affair.
        EXPECT_LE(counter.value() - before, 1000 * k.allocations + 5);
    }
}

// ---- system calls ------------------------------------------------------------------------------------------------------

// Calls by name, of all threads of a process, while it is attached to.
class call_counter {
public:
    static bool works()
    {
        if (find_program("strace").empty()) { return false; }
        process_options o;
        o.argv = {"strace", "-o", "/dev/null", "true"};
        return process::start(std::move(o))->wait().ok();
    }
    explicit call_counter(pid_t of) : table_(dir_.path() / "calls")
    {
        process_options o;
        o.argv = {"strace", "-f", "-c", "-p", std::to_string(of), "-o", table_.native()};
        tracer_ = process::start(std::move(o));
        tracer_->wait_for_line("attached");
    }
    std::map<std::string, std::uint64_t> stop()
    {
        tracer_->send_signal(SIGINT);
        tracer_->wait();
        std::map<std::string, std::uint64_t> calls;
        std::ifstream lines(table_);
        for (std::string line; std::getline(lines, line);) {   // % time, seconds, usecs/call, calls, [errors,] name
            std::istringstream in(line);
            std::string word;
            std::vector<std::string> words;
            while (in >> word) { words.push_back(word); }
            if (words.size() >= 5 && words[3].find_first_not_of("0123456789") == std::string::npos) { calls[words.back()] = std::stoull(words[3]); }
        }
        return calls;
    }

private:
    temp_dir dir_;
    std::filesystem::path table_;
    std::unique_ptr<process> tracer_;
};

TEST(HitCost, IsTwoSystemCalls)
{
    if (!call_counter::works()) { GTEST_SKIP() << "strace is not installed, or may not trace here"; }
    const origin_process origin;
    const temp_dir dir;
    proxy p(yaml_for(origin, dir));
    for (const kind_of_hit& k : kinds()) {
        SCOPED_TRACE(k.name);
        asker one(p.port(), k);
        call_counter counter(p.process().pid());
        constexpr int hits = 300;
        one.ask(hits);
        std::map<std::string, std::uint64_t> calls = counter.stop();
        const std::uint64_t received = calls["recvfrom"] + calls["recvmsg"] + calls["read"];
        const std::uint64_t sent = calls["sendto"] + calls["sendmsg"];
        EXPECT_GE(received, 299u) << "nothing was counted";
        EXPECT_NEAR(static_cast<double>(sent), hits, 1) << "the client may have the last answer before that call returns";
        // What the loops wait with is not counted: under load one wait serves many requests. Nor is the lock of the log's thread.
        std::uint64_t all = 0;
        for (const auto& [name, n] : calls) {
            const bool waits = name == "epoll_wait" || name == "timerfd_settime" || name == "futex" || name == "total" || name == "restart_syscall";
            all += waits ? 0 : n;
        }
        EXPECT_LE(all, hits * 205 / 100 + 20) << testing::PrintToString(calls);
    }
}

}  // namespace
}  // namespace tiercel::test
