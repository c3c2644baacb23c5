// Times of the cache module: building and hashing a key, and a hit in the in-process tier.

#include <tiercel/cache_key.hpp>
#include <tiercel/memory_store.hpp>
#include <tiercel/scope.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace tiercel;

constexpr std::uint64_t seed = 42;
constexpr instant start{milliseconds{1'700'000'000'000}};

key_parts parts_of(std::string_view path)
{
    return {.tenant = "shop", .scheme = "https", .host = "www.example.com", .path = path, .query = "page=2", .has_query = true};
}

void BM_key_building(benchmark::State& state)
{
    std::string key;
    key.reserve(256);
    for (auto _ : state) {
        key.clear();
        append_key(key, parts_of("/catalogue/shoes/running"));
        append_secondary(key, "accept-encoding", "gzip", true);
        benchmark::DoNotOptimize(key.data());
    }
}
BENCHMARK(BM_key_building);

void BM_key_hash(benchmark::State& state)
{
    const std::string key(static_cast<std::size_t>(state.range(0)), 'k');
    for (auto _ : state) {
        benchmark::DoNotOptimize(seeded_hash(key, seed));
    }
}
BENCHMARK(BM_key_hash)->Arg(32)->Arg(64)->Arg(128)->Arg(512);

void BM_scope_hash(benchmark::State& state)
{
    for (auto _ : state) {
        benchmark::DoNotOptimize(hash_scope(scope_kind::prefix, "shop", "www.example.com/catalogue/"));
    }
}
BENCHMARK(BM_scope_hash);

// A store of 10^5 objects of 1 KiB, asked by a zipf 1.0 sequence.
struct store_fixture {
    static constexpr std::size_t objects = 100'000;

    memory_store store{{.max_bytes = 1_GiB, .shards = 64, .max_object = 1_MiB}};
    std::vector<std::string> keys;
    std::vector<hash128> hashes;
    std::vector<std::uint32_t> asked;

    store_fixture()
    {
        const std::string content(1024, 'x');
        for (std::size_t i = 0; i < objects; ++i) {
            std::string key;
            std::string path = "/object/";
            path += std::to_string(i);
            append_key(key, parts_of(path));
            entry_parts p;
            p.key = key;
            p.hash = seeded_hash(key, seed);
            p.times.received = start;
            p.times.fresh_until = start + seconds{3600};
            p.head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1024\r\n";
            p.small_body = content;
            store.put(entry::make(p), start);
            hashes.push_back(p.hash);
            keys.push_back(std::move(key));
        }
        std::vector<double> cumulative(objects);
        double sum = 0;
        for (std::size_t i = 0; i < objects; ++i) {
            cumulative[i] = sum += 1.0 / static_cast<double>(i + 1);
        }
        std::mt19937_64 random(1);
        std::uniform_real_distribution<double> uniform(0, sum);
        for (std::size_t i = 0; i < (1u << 20); ++i) {
            const auto at = std::lower_bound(cumulative.begin(), cumulative.end(), uniform(random)) - cumulative.begin();
            asked.push_back(static_cast<std::uint32_t>(at));
        }
    }
};

store_fixture& fixture()
{
    static store_fixture made;
    return made;
}

void BM_store_hit(benchmark::State& state)
{
    store_fixture& f = fixture();
    auto i = static_cast<std::size_t>(state.thread_index()) * 7919;
    instant now = start;
    for (auto _ : state) {
        const std::uint32_t object = f.asked[++i & (f.asked.size() - 1)];
        if ((i & 1023) == 0) { now += milliseconds{1}; }
        benchmark::DoNotOptimize(f.store.find(f.keys[object], f.hashes[object], now));
    }
}
BENCHMARK(BM_store_hit)->Threads(1)->Threads(2)->UseRealTime();

void BM_store_miss(benchmark::State& state)
{
    store_fixture& f = fixture();
    std::string key;
    append_key(key, parts_of("/absent"));
    hash128 h = seeded_hash(key, seed);
    for (auto _ : state) {
        h.hi += 0x9e3779b97f4a7c15;
        h.lo += 0x9e3779b97f4a7c15;
        benchmark::DoNotOptimize(f.store.find(key, h, start));
    }
}
BENCHMARK(BM_store_miss);

void BM_validity_check(benchmark::State& state)
{
    validity v;
    const scope_hash scopes[] = {hash_scope(scope_kind::all, "", ""), hash_scope(scope_kind::tenant, "shop", ""),
                                 hash_scope(scope_kind::host, "shop", "www.example.com"),
                                 hash_scope(scope_kind::url, "shop", "/a"), hash_scope(scope_kind::tag, "shop", "red")};
    for (auto _ : state) {
        benchmark::DoNotOptimize(v.is_valid(scopes, v.applied()));
    }
}
BENCHMARK(BM_validity_check);

}  // namespace
