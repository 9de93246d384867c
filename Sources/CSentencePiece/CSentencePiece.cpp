#include "CSentencePiece.h"

#include <sentencepiece_processor.h>

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string_view>

struct CSentencePiece_Model {
    sentencepiece::SentencePieceProcessor processor;
};

static void copy(const char *reason, char *error, size_t capacity) {
    if (capacity == 0) return;
    std::strncpy(error, reason, capacity - 1);
    error[capacity - 1] = 0;
}

CSentencePiece_Model *CSentencePiece_load(const void *bytes, size_t count, char *error, size_t errorCapacity) {
    try {
        auto model = std::make_unique<CSentencePiece_Model>();
        const auto status = model->processor.LoadFromSerializedProto(
            std::string_view(static_cast<const char *>(bytes), count));
        if (status.ok()) return model.release();
        copy(status.error_message(), error, errorCapacity);
    } catch (const std::exception &exception) {
        copy(exception.what(), error, errorCapacity);
    } catch (...) {
        copy("an unknown exception", error, errorCapacity);
    }
    return nullptr;
}

void CSentencePiece_free(CSentencePiece_Model *model) { delete model; }

int64_t CSentencePiece_encode(const CSentencePiece_Model *model, const char *text, size_t count, int32_t *ids,
                              uint32_t *ends, size_t capacity, char *error, size_t errorCapacity) {
    try {
        const auto encoded = model->processor.EncodeAsImmutableProto(std::string_view(text, count));
        const size_t tokens = encoded.pieces_size();
        for (size_t index = 0; index < tokens && index < capacity; index++) {
            const auto piece = encoded.pieces(static_cast<int>(index));
            ids[index] = static_cast<int32_t>(piece.id());
            ends[index] = piece.end();
        }
        return static_cast<int64_t>(tokens);
    } catch (const std::exception &exception) {
        copy(exception.what(), error, errorCapacity);
    } catch (...) {
        copy("an unknown exception", error, errorCapacity);
    }
    return -1;
}
