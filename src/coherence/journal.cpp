#include "coherence/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace tiercel::coherence {
namespace {

std::string read_all(int file)
{
    std::string out;
    std::array<char, 64 * 1024> piece;
    for (;;) {
        const ssize_t n = ::read(file, piece.data(), piece.size());
        if (n < 0 && errno == EINTR) { continue; }
        if (n <= 0) { return out; }
        out.append(piece.data(), static_cast<std::size_t>(n));
    }
}

}  // namespace

journal::journal(journal_options o, std::size_t most) : options_(std::move(o)), most_(most)
{
    if (options_.path.empty()) { return; }
    file_ = ::open(options_.path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file_ < 0) { throw std::runtime_error("invalidation.journal.path: " + options_.path + ": " + std::strerror(errno)); }
    const std::string text = read_all(file_);
    std::size_t whole = 0;
    for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n', whole)) {
        invalidation i;
        if (from_text(std::string_view(text).substr(whole, end - whole), i)) {
            const auto [known, is_new] = effects_.emplace(effect_of(i), i.id);
            found_.push_back({i, is_new ? std::string() : known->second});
            if (is_new) { waiting_.push_back(std::move(i)); }
        }
        whole = end + 1;
    }
    size_ = whole;
    if (whole != text.size() && ::ftruncate(file_, static_cast<off_t>(whole)) != 0) {
        throw std::runtime_error("invalidation.journal.path: " + options_.path + ": " + std::strerror(errno));
    }
}

journal::~journal()
{
    if (file_ >= 0) { ::close(file_); }
}

std::string journal::effect_of(const invalidation& i)
{
    std::vector<scope_hash> scopes = i.scopes;
    std::sort(scopes.begin(), scopes.end());
    std::string out = i.event;
    for (const scope_hash s : scopes) { out += member_of(s, i.mode); }
    return out;
}

journal::added journal::add(const invalidation& i)
{
    const std::string effect = effect_of(i);
    const auto known = effects_.find(effect);
    if (known != effects_.end()) {
        // Its effect is on the disk already. Lines that are only told of leave half of the file to others.
        if (file_ >= 0) { write(to_text(i) + "\n", options_.max_bytes / 2); }
        return {added::as::known, known->second};
    }
    if (waiting_.size() >= most_ || (file_ >= 0 && !write(to_text(i) + "\n", options_.max_bytes))) { return {}; }
    effects_.emplace(effect, i.id);
    waiting_.push_back(i);
    return {added::as::kept, {}};
}

std::size_t journal::add_all(std::span<const invalidation> all)
{
    std::vector<std::pair<std::string, const invalidation*>> kept;
    std::string lines;
    std::size_t refused = 0;
    for (const invalidation& i : all) {
        std::string effect = effect_of(i);
        if (effects_.contains(effect)) { continue; }
        const std::string line = file_ >= 0 ? to_text(i) + "\n" : std::string();
        if (waiting_.size() + kept.size() >= most_ || (file_ >= 0 && size_ + lines.size() + line.size() > options_.max_bytes)) {
            ++refused;
            continue;
        }
        lines += line;
        effects_.emplace(effect, i.id);
        kept.emplace_back(std::move(effect), &i);
    }
    const bool written = lines.empty() || write(lines, options_.max_bytes);
    for (const auto& [effect, i] : kept) {
        if (written) {
            waiting_.push_back(*i);
        } else {
            effects_.erase(effect);
        }
    }
    return written ? refused : refused + kept.size();
}

bool journal::write(const std::string& lines, byte_count most)
{
    if (size_ + lines.size() > most) { return false; }
    std::size_t done = 0;
    while (done < lines.size()) {
        const ssize_t n = ::write(file_, lines.data() + done, lines.size() - done);
        if (n < 0 && errno == EINTR) { continue; }
        if (n <= 0) { break; }
        done += static_cast<std::size_t>(n);
    }
    if (done == lines.size() && ::fdatasync(file_) == 0) {
        size_ += lines.size();
        return true;
    }
    // Half a line, or one that may not be on the disk, was not promised to anybody.
    if (::ftruncate(file_, static_cast<off_t>(size_)) != 0) { size_ = options_.max_bytes; }
    return false;
}

// What has the same effect and comes while this one is on its way must follow it: others may apply this one, and fetch, before that.
const invalidation& journal::begin_front()
{
    const auto known = effects_.find(effect_of(waiting_.front()));
    if (known != effects_.end() && known->second == waiting_.front().id) { effects_.erase(known); }
    return waiting_.front();
}

void journal::pop()
{
    waiting_.pop_front();
    if (waiting_.empty() && file_ >= 0 && size_ != 0 && ::ftruncate(file_, 0) == 0) { size_ = 0; }
}

}  // namespace tiercel::coherence
