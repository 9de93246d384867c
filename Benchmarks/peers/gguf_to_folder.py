#!/usr/bin/env python3
"""Writes a GGUF base as a Float32 folder of transformers.   usage: gguf_to_folder.py BASE.gguf FOLDER"""
import os
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

base, folder = sys.argv[1:3]
where, name = os.path.dirname(base), {"gguf_file": os.path.basename(base)}
AutoTokenizer.from_pretrained(where, **name).save_pretrained(folder + ".part")
loaded = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32, **name)
# The loaded model counts as quantized and refuses to be saved; a plain one with its weights does not.
plain = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(where, **name), dtype=torch.float32)
plain.load_state_dict(loaded.state_dict())
plain.save_pretrained(folder + ".part")
os.rename(folder + ".part", folder)
