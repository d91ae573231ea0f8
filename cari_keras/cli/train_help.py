"""What the help of cari-train says beside its flags."""

from __future__ import annotations

from cari_keras.presets import preset_lines

EXAMPLES = """
examples:
  cari-train                            a demo, drawn by the package itself
  cari-train --dataset cavi --data-dir DIR
                                        CaVI, from the public FaceNet weights
  cari-train --dataset folder --data-dir ROOT
                                        ROOT/{photo,caricature}/<identity>/*
  cari-train --preset strangers --final --data-dir DIR
                                        CaVI, for people never seen
  cari-train --resume RUN               go on with a run that was interrupted
"""

MORE = f"""presets (--preset NAME --help says what to expect of one):
{chr(10).join(preset_lines())}

more examples:
  cari-train --dataset webcaricature --data-dir DIR --fold 3
                                        one fold of ten
  cari-train --dataset cavi --data-dir DIR --pretrained none
                                        from nothing, as --preset cavi-scratch
  cari-train --preset pretrain --data-dir ROOT
                                        the paper's pretraining
  cari-train --dataset cavi --data-dir DIR --unseen-fold 1/5
                                        without a fifth of the people, to judge
                                        it by
  cari-train --tasks photo              photo identification alone
  cari-train --weighting equal --seed 1 fixed equal task weights

In brackets are defaults; with --preset or --dataset beside --help-all, those of that recipe. The
run's config.json has what it was trained with.

progress, on a terminal a bar, else a dated line every few seconds:
  epoch 3/40         the epoch under way, and how many there are
   37%|##        |   of all images of all epochs
  03:45 left         until the end of training, at the rate so far
  412img/s           training images a second; 1.20kimg/s is 1,200
  V 1.23x.33         verification: the batch's loss L1 (cross-entropy and center loss, in nats),
                     times the task's weight in the sum that is descended
  C 2.10x.41         caricature identification: loss L2, times its weight
  P .870x.26         photo identification: loss L3, times its weight
  storing outputs 1/2
                     what the layers before --stored-stages give for an image is computed once,
                     for each of --frozen-views; the frozen epochs train on that
  reading pictures, compiling, validating
                     what is done in place of a step; the first step is compiled for a minute or
                     so, as is the first one after --frozen-epochs
  epoch 3/40: Verification 71.2, AUC 78.0, ... %
                     the validation metrics at the end of an epoch, as in metrics.csv
"""
