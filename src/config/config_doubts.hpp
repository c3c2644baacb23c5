#pragma once

// What a configuration may say although hardly anybody means it: settings without effect, or with one that surprises.

namespace tiercel::config {

struct loaded;
class problem_list;

// REQUIRES: check_together() has found nothing.
void doubt_together(const loaded& what, problem_list& doubts);

}  // namespace tiercel::config
