"""What the help of cari-train says beside its flags."""

from __future__ import annotations

from cari_keras.presets import preset_lines

EXAMPLES = """
examples:
  cari-train                            a demo, which the package draws itself
  cari-train --dataset cavi --data-dir DIR
                                        CaVI, from the public FaceNet weights
  cari-train --dataset folder --data-dir ROOT
                                        ROOT/{photo,caricature}/<identity>/*
  cari-train --preset strangers --final --data-dir DIR
                                        CaVI, for people never seen
  cari-train --resume RUN               resume a run that was interrupted
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
                                        hold out a fifth of the people, to
                                        evaluate the run on them
  cari-train --tasks photo              photo identification alone
  cari-train --weighting equal --seed 1 fixed equal task weights

Brackets hold the defaults; `--preset NAME --help-all` shows those of that preset. A run's
config.json holds the settings that it was trained with.

progress, on a terminal a bar, else a dated line every few seconds:
  epoch 3/40         the current epoch, and the number of epochs
   37%|##        |   of all images of all epochs
  03:45 left         until the end of training, at the rate so far
  412img/s           training images a second; 1.20kimg/s is 1,200
  V 1.23x.33         verification: the batch's loss L1 (cross-entropy and center loss, in nats),
                     times the task's weight in the total loss
  C 2.10x.41         caricature identification: loss L2, times its weight
  P .870x.26         photo identification: loss L3, times its weight
  storing outputs 1/2
                     the layers before --stored-stages compute their outputs once, for each of
                     an image's --frozen-views; the frozen epochs train on these outputs
  reading pictures, compiling, validating
                     the work before a step; TensorFlow compiles for a minute or so before the
                     first step, and before the first one after --frozen-epochs
  epoch 3/40: Verification 71.2, AUC 78.0, ... %
                     the validation metrics at the end of an epoch, as in metrics.csv
"""
