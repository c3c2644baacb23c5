#include "app/app.hpp"

#include "app/process.hpp"

#include <tiercel/clock.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <thread>

#include <pthread.h>
#include <sys/resource.h>

namespace tiercel::app {
namespace {

// Connections need descriptors: the soft limit goes up to the hard one.
void raise_descriptor_limit()
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

sigset_t signals_we_answer()
{
    sigset_t set;
    sigemptyset(&set);
    for (const int s : {SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGUSR2}) {
        sigaddset(&set, s);
    }
    return set;
}

}  // namespace

int run(const config::loaded& configuration)
{
    raise_descriptor_limit();
    std::signal(SIGPIPE, SIG_IGN);
    // Blocked in every thread, so that they come to sigwait() below and nowhere else.
    const sigset_t signals = signals_we_answer();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    const system_clock time;
    try {
        process p(configuration, time);
        p.start();
        for (const std::string& a : p.addresses()) {
            std::fprintf(stderr, "tiercel: listening on %s\n", a.c_str());
        }
        for (;;) {
            int got = 0;
            if (::sigwait(&signals, &got) != 0) {
                continue;
            }
            if (got == SIGUSR1) {
                p.reopen_logs();
            } else if (got == SIGTERM || got == SIGINT) {
                break;
            } else {
                std::fprintf(stderr, "tiercel: signal %d has no meaning in this version\n", got);
            }
        }
        std::fprintf(stderr, "tiercel: draining\n");
        bool clean = false;
        std::thread draining([&] { clean = p.drain(); });
        // A second signal ends the drain; its end ends the wait for a second signal.
        std::thread impatient([&] {
            int got = 0;
            while (::sigwait(&signals, &got) == 0 && got != SIGTERM && got != SIGINT && got != SIGUSR2) {
            }
            p.stop_now();
        });
        draining.join();
        ::pthread_kill(impatient.native_handle(), SIGUSR2);
        impatient.join();
        std::fprintf(stderr, "tiercel: stopped%s\n", clean ? "" : ", some requests were broken off");
        return 0;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "tiercel: %s\n", e.what());
        return 1;
    }
}

}  // namespace tiercel::app
