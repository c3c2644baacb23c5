#pragma once

// Sending one client its answer: out of the store, straight from the origin, or an error of our own.

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/request.hpp"

#include "origin/exchange.hpp"

#include <span>
#include <string_view>

namespace tiercel::flow {

class keeping;   // flow/keeping

// The content of a stored answer from `at` on, in as many pieces as there is room for; `at` moves along. How many they are.
std::size_t take_content(const entry& e, byte_count& at, std::span<std::string_view> room) noexcept;

// Sends a stored (or just completed) answer by this client's own conditions, range and method.
async::task<answered> send_entry(const request& rq, entry_ptr e, answered a, std::string_view origin_age, client_io& io,
                                 client_limits limits);

// Sends an error of our own, or the stale copy when the rules allow it for this failure.
async::task<answered> answer_failure(const request& rq, const entry_ptr& stale, const flight_failure& f, answered a,
                                     client_io& io, client_limits limits, worker_context& cx);

// Relays an answer whose head is here already, and lets `kept` (if not null) have its content. `a` is what is known about it so
// far. An error of our own takes its place if it fails before anything was sent.
async::task<answered> relay_answer(const request& rq, origin::exchange& ex, answered a, keeping* kept, client_io& io,
                                   client_limits limits, worker_context& cx);

// Sends io.out() and nothing else. True: the client got it.
async::task<bool> send_out(client_io& io, client_limits limits);

// The client does not take what it is sent.
answered left_by_client(answered a);

// What is known of an answer by its exchange.
void note_exchange(answered& a, const origin::exchange& ex);

}  // namespace tiercel::flow
