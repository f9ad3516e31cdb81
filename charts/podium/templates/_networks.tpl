{{- /* One rule of a NetworkPolicy, a JSON list of it: (dict "direction" "to" "peers" list "ports" list "protocols" list). */}}
{{- define "podium.rule" -}}
{{- $ports := list }}
{{- range $port := .ports }}
{{- range $.protocols | default (list "TCP") }}
{{- $ports = append $ports (dict "port" $port "protocol" .) }}
{{- end }}
{{- end }}
{{- $rule := dict "ports" $ports }}
{{- with .peers }}
{{- $_ := set $rule $.direction . }}
{{- end }}
{{- toJson (list $rule) }}
{{- end }}

{{- define "podium.devPeers" -}}
{{- $labels := dict "app.kubernetes.io/name" (index . 1) "app.kubernetes.io/instance" (index . 0).Release.Name }}
{{- $release := dict "kubernetes.io/metadata.name" (index . 0).Release.Namespace }}
{{- list (dict "namespaceSelector" (dict "matchLabels" $release) "podSelector" (dict "matchLabels" $labels)) | toJson }}
{{- end }}

{{- define "podium.kafkaRule" -}}
{{- $peers := .Values.networkPolicy.kafka.peers }}
{{- $ports := .Values.networkPolicy.kafka.ports }}
{{- if not $ports }}
{{- range splitList "," (include "podium.bootstrapServers" .) }}
{{- $ports = append $ports (splitList ":" . | last | trim | int) }}
{{- end }}
{{- end }}
{{- if .Values.dev.kafka.enabled }}
{{- $peers = include "podium.devPeers" (list . "podium-dev-kafka") | fromJsonArray }}
{{- end }}
{{- include "podium.rule" (dict "direction" "to" "peers" $peers "ports" (uniq $ports)) }}
{{- end }}

{{- define "podium.storeRule" -}}
{{- $peers := .Values.networkPolicy.objectStore.peers }}
{{- $ports := .Values.networkPolicy.objectStore.ports }}
{{- $endpoint := include "podium.storeEndpoint" . }}
{{- if not $ports }}
{{- $port := regexFind ":[0-9]+(/|$)" $endpoint | trimPrefix ":" | trimSuffix "/" }}
{{- $ports = list (int ($port | default (ternary "80" "443" (hasPrefix "http://" $endpoint)))) }}
{{- end }}
{{- if .Values.dev.objectStore.enabled }}
{{- $peers = include "podium.devPeers" (list . "podium-dev-s3") | fromJsonArray }}
{{- end }}
{{- include "podium.rule" (dict "direction" "to" "peers" $peers "ports" $ports) }}
{{- end }}

{{- /* A policy: (dict "root" $ "namespace" "a" "name" "kafka" "pods" (dict …) "egress" json "ingress" json). */}}
{{- define "podium.policy" }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "podium.fullname" .root }}-{{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "podium.labels" (list .root "network") | nindent 4 }}
spec:
  podSelector: {{ toJson .pods }}
  policyTypes: {{ concat (ternary (list "Ingress") list (hasKey . "ingress")) (ternary (list "Egress") list (hasKey . "egress")) | toJson }}
  {{- with .ingress }}
  ingress: {{ . }}
  {{- end }}
  {{- with .egress }}
  egress: {{ . }}
  {{- end }}
{{- end }}
