// libsentencepiece for C: a model, and the tokens of a text. No exception leaves these functions.
#ifndef CSENTENCEPIECE_H
#define CSENTENCEPIECE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CSentencePiece_Model CSentencePiece_Model;

/// Loads a serialized ModelProto, which is copied. NULL when it is refused; `error` then has the reason, cut to
/// `errorCapacity` bytes with a zero at the end.
CSentencePiece_Model *CSentencePiece_load(const void *bytes, size_t count, char *error, size_t errorCapacity);

void CSentencePiece_free(CSentencePiece_Model *model);

/// The tokens of a UTF-8 text: their ids, and where in the text each ends. Stores at most `capacity` of them and
/// returns how many there are, or -1 with a reason in `error`. Several threads may call it at once.
int64_t CSentencePiece_encode(const CSentencePiece_Model *model, const char *text, size_t count, int32_t *ids,
                              uint32_t *ends, size_t capacity, char *error, size_t errorCapacity);

#ifdef __cplusplus
}
#endif

#endif
