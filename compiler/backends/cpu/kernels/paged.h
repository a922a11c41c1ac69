// Attention of a step in which some rows are single new tokens and others a prompt's, neighbours that share what they look at.
#pragma once

#include "blocked.h"

namespace kernels {

// Rows of which `pieces` is -1 attend one by one. Where it names a row, that one and those after it that name it, too, are a piece:
// tokens of one request in their order, which attend together. A row's bits depend on which of the two it is, and on no other row.
template <class C>
void attend_all(const DecodeAttention<C>& a, const Team& team) {
  attend(a, team);
  const long width = a.heads * a.pages.head_dim;
  for (long row = 0, past; row < a.requests; row = past) {
    past = row + 1;
    if (!a.is_left_out(row)) continue;
    while (past < a.requests && a.pieces[past] == a.pieces[row]) past++;
    const int32_t starts[] = {0, (int32_t)(past - row)};
    attend(PromptAttention<C>{a.pages, a.tables + row * a.table_width, a.table_width, starts, a.lengths + past - 1, 1, a.heads,
                              a.window, a.scale, a.q + row * a.q_stride, a.q_stride, a.out + row * width},
           team);
  }
}

}  // namespace kernels
