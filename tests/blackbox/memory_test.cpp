// The limit of the in-process tier is a promise about the memory of the process, however much passes through.

#include "blackbox/process_memory.hpp"
#include "blackbox/setting.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t MiB = 1 << 20;
constexpr std::uint64_t limit = 64 * MiB;          // cache.l1.max_bytes
constexpr std::uint64_t most = limit * 115 / 100 + 40 * MiB;
constexpr unsigned connections = 8;
constexpr std::uint64_t in_a_row = 16;             // requests in one piece; server.limits.pipeline

std::string yaml_for(const origin_process& origin)
{
    setting s{.origin_url = origin.url()};
    s.cache = "{l1: {max_bytes: 64MiB}, l2: {kind: none}}";
    return s.yaml();
}

// Reads as little as a client can who counts answers and bytes. False: not a 200 that was stored.
bool read_stored_answer(byte_stream& in)
{
    const deadline until = after(60s);
    const std::string head = in.read_until("\r\n\r\n", 1 << 14, until);
    const std::size_t at = head.find("\r\nContent-Length: ");
    if (at == std::string::npos) { return false; }
    std::size_t length = 0;
    std::from_chars(head.data() + at + 18, head.data() + head.size(), length);
    in.read_exactly(length, until);
    return head.starts_with("HTTP/1.1 200 ") && head.find("stored") != std::string::npos;
}

// Each target once, over some connections that send several requests at a time. How many were answered and stored.
std::uint64_t ask_for(std::uint64_t count, std::uint16_t port, const std::function<std::string(std::uint64_t)>& target)
{
    std::atomic<std::uint64_t> next = 0;
    std::atomic<std::uint64_t> good = 0;
    std::vector<std::thread> clients;
    for (unsigned i = 0; i < connections; ++i) {
        clients.emplace_back([&] {
            try {
                byte_stream stream(connect_to("127.0.0.1", port));
                for (std::uint64_t at; (at = next.fetch_add(in_a_row)) < count;) {
                    const std::uint64_t end = std::min(at + in_a_row, count);
                    std::string requests;
                    for (std::uint64_t n = at; n < end; ++n) { requests += "GET " + target(n) + " HTTP/1.1\r\nHost: shop\r\n\r\n"; }
                    stream.send(requests, after(60s));
                    for (std::uint64_t n = at; n < end; ++n) { good += read_stored_answer(stream) ? 1 : 0; }
                }
            } catch (const std::exception& e) {
                ADD_FAILURE() << e.what();
            }
        });
    }
    for (std::thread& c : clients) { c.join(); }
    return good;
}

void expect_within_limit(proxy& p)
{
    const process_memory now = memory_of(p.process().pid());
    EXPECT_LE(now.resident, most) << now.resident / MiB << " MiB";
    EXPECT_LE(now.peak, most) << now.peak / MiB << " MiB at most";
    EXPECT_LE(p.metric("l1_bytes"), static_cast<double>(limit));
    EXPECT_GT(p.metric("l1_bytes"), 0.8 * static_cast<double>(limit)) << "it was never full";
    testing::Test::RecordProperty("resident_MiB", static_cast<int>(now.resident / MiB));
    std::printf("    resident %llu MiB, at most %llu MiB\n", static_cast<unsigned long long>(now.resident / MiB),
                static_cast<unsigned long long>(now.peak / MiB));
}

// Fewer than a million by default, still several times what fits; TIERCEL_MEMORY_RESPONSES asks for more.
std::uint64_t number_of_responses()
{
    const char* chosen = std::getenv("TIERCEL_MEMORY_RESPONSES");
    return chosen != nullptr ? std::stoull(chosen) : 200'000;
}

TEST(Memory, HoldsItsLimitWhileManySmallAnswersPassThrough)
{
    const origin_process origin;
    proxy p(yaml_for(origin));
    const std::uint64_t count = number_of_responses();
    const auto target = [](std::uint64_t n) { return "/page/" + std::to_string(n) + "?ttl=3600&size=1024"; };
    EXPECT_EQ(ask_for(count, p.port(), target), count);
    expect_within_limit(p);
}

// From 100 bytes to 2 MiB, each size as likely as its double: what one leaves behind must serve the next of another size.
TEST(Memory, HoldsItsLimitWhileAnswersOfAllSizesPassThrough)
{
    const origin_process origin;
    proxy p(yaml_for(origin));
    const auto target = [](std::uint64_t n) {
        std::minstd_rand random(static_cast<unsigned>(n) + 1);
        random.discard(3);
        const double size = 100 * std::pow(2.0, std::uniform_real_distribution<>(0, 14.3)(random));
        return "/page/" + std::to_string(n) + "?ttl=3600&size=" + std::to_string(static_cast<std::uint64_t>(size));
    };
    constexpr std::uint64_t count = 5'000;
    EXPECT_EQ(ask_for(count, p.port(), target), count);
    expect_within_limit(p);
}

// Keys count as well as what lies under them.
TEST(Memory, HoldsItsLimitWhileLongUrlsWithLittleContentPassThrough)
{
    const origin_process origin;
    proxy p(yaml_for(origin));
    const std::string padding(6000, 'x');
    const auto target = [&](std::uint64_t n) { return "/page/" + std::to_string(n) + "?body=x&ttl=3600&y=" + padding; };
    constexpr std::uint64_t count = 20'000;
    EXPECT_EQ(ask_for(count, p.port(), target), count);
    expect_within_limit(p);
}

}  // namespace
}  // namespace tiercel::test
